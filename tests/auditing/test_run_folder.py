"""An audit's folder: what is folder, what is refused, what a killed process leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from memguard.auditing.generation import GeneratedImage
from memguard.auditing.run_folder import RunFolder
from memguard.auditing.samples import Sample
from memguard.errors import ConfigurationError
from memguard.verdict import Match, Verdict

REQUEST = {"prompts": ["a", "b"], "seed": 0}


def picture(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))


def test_images_come_back_as_they_were(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "audit")
    with folder.locked(REQUEST):
        assert folder.samples(3) == []
        images = [GeneratedImage(picture(0), "made"), GeneratedImage(None, "withheld")]
        first = folder.add(3, [], images, [7, 8])
        folder.add(3, first, [GeneratedImage(picture(1), "made")], [None])
    again = RunFolder(tmp_path / "audit")
    with again.locked(REQUEST):
        samples = again.samples(3)
    assert samples == [
        Sample("images/00003/0000.png", "made", 7, 0),
        Sample(None, "withheld", 8, 1),
        Sample("images/00003/0002.png", "made", None, 0),
    ]
    for file, seed in (("images/00003/0000.png", 0), ("images/00003/0002.png", 1)):
        assert np.array_equal(np.asarray(again.image(file)), np.asarray(picture(seed)))


def test_another_request_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.locked(REQUEST):
        pass
    before = (tmp_path / "request.json").read_bytes()
    with (
        pytest.raises(ConfigurationError, match="another prompts, another seed"),
        folder.locked({"prompts": ["a"], "seed": 1}),
    ):
        pass
    assert (tmp_path / "request.json").read_bytes() == before


def test_one_process_at_a_time(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with FileLock(tmp_path / ".lock"), pytest.raises(ConfigurationError, match="another process"):  # noqa: SIM117
        with folder.locked(REQUEST):
            pass
    with folder.locked(REQUEST):
        pass


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with (
        pytest.raises(ConfigurationError, match="cannot be written"),
        RunFolder(tmp_path / "file" / "x").locked(REQUEST),
    ):
        pass


def test_damage_is_named(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.locked(REQUEST):
        (sample,) = folder.add(0, [], [GeneratedImage(picture(0), "made")], [1])
    file = tmp_path / str(sample.file)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(ConfigurationError, match=r"0000\.png cannot be read"):
        folder.image(str(sample.file))
    (tmp_path / "samples" / "00000.json").write_text("[", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"00000\.json is damaged"):
        folder.samples(0)
    (tmp_path / "samples" / "00000.json").write_text('[{"file": null}]', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"00000\.json is damaged .*`status`"):
        folder.samples(0)


def test_verdicts_belong_to_one_index(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    match = Match("id", "uri", "mirrored", {"l2": 0.1}, exact_duplicates=3, caption="a")
    verdicts = [Verdict("memorized", 2.0, (), (match,), "why"), None]
    with folder.locked(REQUEST):
        assert folder.verdicts(0, "index") is None
        folder.write_verdicts(0, "index", verdicts)
    assert folder.verdicts(0, "index") == verdicts
    assert folder.verdicts(0, "another index") is None
    assert json.loads((tmp_path / "verdicts" / "00000.json").read_text())["index"] == "index"
