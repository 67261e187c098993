"""The audit of models without prompts, on a function that copies two pictures now and then."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.picture_files import write_cuts
from numpy.typing import NDArray
from PIL import Image

from memguard import audit_unconditional
from memguard.auditing import unconditional
from memguard.auditing.distances import pairwise_tiled_l2, to_squares
from memguard.errors import ConfigurationError
from memguard.lifecycle import build_index
from memguard.vision.transforms import dead_leaves


@pytest.fixture(scope="module")
def trained(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[Image.Image]]:
    """An index of 12 pictures of 64 pixels, the first twice and lightly changed once more."""
    root = tmp_path_factory.mktemp("unconditional")
    write_cuts(photographs, root / "cuts", 12)
    (root / "images").mkdir()
    pictures = []
    for number, file in enumerate(sorted((root / "cuts").glob("*.jpg"))):
        picture = Image.open(file).convert("RGB").resize((64, 64), Image.Resampling.BOX)
        picture.save(root / "images" / f"{number:02d}.png")
        pictures.append(picture)
    shutil.copy(root / "images" / "00.png", root / "images" / "z.png")
    darker = pictures[0].point(lambda level: int(level * 0.97))
    darker.save(root / "images" / "zz.png")
    build_index(root / "images", root / "i.memguard", weights={}, calibrate=False, workers=0)
    return root / "i.memguard", pictures


def model(pictures: list[Image.Image]) -> Any:
    """Of 8 seeds one gives a blank image, three the first picture, two the second, with noise."""

    def sample(seed: int) -> NDArray[np.float64]:
        rng = np.random.default_rng(seed)
        kind = seed % 8
        if kind == 7:
            return np.zeros((64, 64, 3))
        novel = dead_leaves((64, 64), rng, leaves=60)
        base = pictures[kind // 3] if kind < 5 else novel
        return np.clip(np.asarray(base) / 255 + rng.normal(0, 0.02, (64, 64, 3)), 0, 1)

    return sample


def test_samples_of_a_model_that_copies_two_pictures(
    trained: tuple[Path, list[Image.Image]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unconditional, "SAMPLES_PER_FILE", 15)
    index, pictures = trained
    asked: dict[str, Any] = {"output": tmp_path, "ks": (1, 2, 3), "delta": 0.08}
    result = audit_unconditional(model(pictures), 40, index=index, **asked)
    samples = [
        sample
        for page in sorted((tmp_path / "samples").iterdir())
        for sample in json.loads(page.read_text())
    ]
    assert len(samples) == 40
    assert len(list((tmp_path / "samples").iterdir())) == 3
    kinds = [sample["seed"] % 8 for sample in samples]
    first, second = sum(kind < 3 for kind in kinds), sum(3 <= kind < 5 for kind in kinds)
    assert result.counts.blank == sum(kind == 7 for kind in kinds)
    assert [len(group.files) for group in result.groups] == sorted([first, second], reverse=True)
    for group in result.groups:
        assert group.verdict is not None
        assert group.verdict.label == "memorized"
    assert result.confirmed is not None
    assert result.confirmed.count == 2
    assert result.findings is not None
    assert result.findings.memorized.count == first + second
    assert result.memorizes

    assert result.eidetic is not None
    assert result.eidetic.compared == 13, "distinct files"
    assert result.eidetic.copies.total == 40 - result.counts.blank == len(result.eidetic.relative)
    near = pairwise_tiled_l2(
        to_squares(pictures[:1]), to_squares([Image.open(index.parent / "images" / "zz.png")])
    )[0, 0]
    assert near < 0.08, "so the first picture has three files within delta, the second one"
    assert result.eidetic.counts == {1: 1, 2: 1, 3: 3}
    written = json.loads((tmp_path / "audit.json").read_text())
    assert written["eidetic"]["counts"] == {"1": 1, "2": 1, "3": 3}
    assert written["kind"] == "unconditional"


def test_without_an_index(trained: tuple[Path, list[Image.Image]], tmp_path: Path) -> None:
    result = audit_unconditional(model(trained[1]), 30, output=tmp_path)
    assert len(result.groups) == 2
    assert (result.findings, result.eidetic, result.confirmed) == (None, None, None)
    assert result.memorizes
    few = audit_unconditional(model(trained[1]), 30, output=tmp_path, clique=20)
    assert few.groups == ()
    assert not few.memorizes


def test_only_blank_images(trained: tuple[Path, list[Image.Image]], tmp_path: Path) -> None:
    result = audit_unconditional(
        lambda: Image.new("RGB", (64, 64)), 5, output=tmp_path, index=trained[0]
    )
    assert result.counts.blank == 5
    assert result.groups == ()
    assert not result.memorizes
    assert result.eidetic is not None
    assert result.eidetic.relative == ()


def test_no_samples(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least one sample"):
        audit_unconditional(lambda: None, 0, output=tmp_path)
