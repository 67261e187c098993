"""Builds with inexact search, from few images with the limits lowered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.picture_files import write_cuts
from PIL import Image
from typer.testing import CliRunner

from memguard import Guard, IndexUnavailableError, build_index
from memguard.cli import app
from memguard.index.ann import planner
from memguard.index.ann.tuning import MIN_RECALL
from memguard.index.ingest import recall_probe
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.verify import verify
from memguard.lifecycle import add_images
from memguard.vision.transforms import SIMULATED_COPIES

KINDS = {
    "phash64": "BIVF32",
    "phash256": "BIVF32",
    "pixels": "IVF32,PQ384x4fs",
    "vlad": "PCAR64,PQ16x4fs",
}


@pytest.fixture(scope="module")
def index(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """While its tests run, every index counts as large."""
    root = tmp_path_factory.mktemp("inexact")
    write_cuts(photographs, root / "images", 160)
    with pytest.MonkeyPatch.context() as patch:
        for limit in ("EXACT_BYTES", "EXACT_HASH_BYTES", "MIN_VECTORS_FOR_INVERTED_LISTS"):
            patch.setattr(planner, limit, 0)
        patch.setattr(planner, "PRINCIPAL_COMPONENTS", (64,))  # too few vectors for 512
        patch.setattr(recall_probe, "REFERENCES", 10)  # only for speed
        build_index(root / "images", root / "index", weights={}, calibrate=False, workers=0)
        yield root / "index"


def test_kinds_and_the_recall_of_copies_are_recorded(index: Path) -> None:
    choices = {name: file.choice for name, file in DirectoryIndex.open(index).manifest.ann.items()}
    assert {name: choice.kind for name, choice in choices.items()} == KINDS
    for choice in choices.values():
        assert not choice.exact
        assert choice.recall is not None
        assert choice.recall >= MIN_RECALL
    shown = json.loads(CliRunner().invoke(app, ["info", str(index), "--json"]).stdout)
    assert {name: search["kind"] for name, search in shown["searches"].items()} == KINDS


@pytest.mark.parametrize("kind", ["jpeg 30", "noise 25", "crop 80", "diffusion-like"])
def test_copies_are_found(index: Path, kind: str) -> None:
    guard = Guard(index)
    for number in (3, 41, 140):
        with Image.open(index.parent / "images" / f"{number:04}.jpg") as image:
            copy = SIMULATED_COPIES[kind](image.convert("RGB"), np.random.default_rng(0))
        (verdict,) = guard.check([copy])
        assert verdict.label == "memorized"
        assert Path(verdict.matches[0].uri).stem == f"{number:04}"


def test_images_added_later_are_found(
    index: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """Their vectors go to the inverted lists there are."""
    index = Path(shutil.copytree(index, tmp_path / "index"))
    (tmp_path / "more").mkdir()
    photographs["rocket.jpg"].save(tmp_path / "more" / "rocket.png")
    add_images(tmp_path / "more", index, calibrate=False, workers=0)
    kinds = {n: file.choice.kind for n, file in DirectoryIndex.open(index).manifest.ann.items()}
    assert kinds == KINDS
    (verdict,) = Guard(index).check([photographs["rocket.jpg"].resize((150, 100))])
    assert verdict.label == "memorized"
    assert Path(verdict.matches[0].uri).name == "rocket.png"


@pytest.mark.parametrize("name", ["pixels", "vlad"])
def test_vectors_for_reranking_are_verified_and_derived_again(
    index: Path, name: str, tmp_path: Path
) -> None:
    index = Path(shutil.copytree(index, tmp_path / "index"))
    (rows,) = index.glob(f"ann/{name}-*.rows")
    whole = rows.read_bytes()
    rows.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    (damage,) = verify(index).damaged
    assert (damage.file, damage.remedy) == (str(rows.relative_to(index)), "mend")
    rows.unlink()
    with pytest.raises(IndexUnavailableError, match=rf"the {name} file .* missing .* --mend"):
        DirectoryIndex.open(index)
    assert not verify(index, mend=True).damaged
    (again,) = index.glob(f"ann/{name}-*.rows")
    assert again.read_bytes() == whole
