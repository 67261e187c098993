"""An audit's images against an index: what is compared, what is stored."""

from __future__ import annotations

import shutil
from pathlib import Path

from fixtures.calibrations import Calibrated
from PIL import Image

from memguard.auditing.generation import GeneratedImage
from memguard.auditing.lookup import IndexLookup
from memguard.auditing.run_folder import RunFolder


def look_up(index: Path, *, thorough: bool = False) -> IndexLookup:
    found = IndexLookup.open(index, thorough=thorough, weights=None)
    assert found is not None
    return found


def test_only_what_shows_something_is_compared(
    gallery: Path, cat: Image.Image, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path)
    made = [
        GeneratedImage(Image.new("RGB", (8, 8)), "blank"),
        GeneratedImage(cat, "made"),
        GeneratedImage(None, "withheld"),
    ]
    with folder.locked({}):
        samples = folder.add(0, [], made, [1, 2, 3])
        steps: list[int] = []
        verdicts = look_up(gallery).verdicts(folder, 0, samples, steps.append)
        assert [verdict and verdict.label for verdict in verdicts] == [None, "memorized", None]
        assert verdicts[1] is not None
        assert len(verdicts[1].matches) == 1
        assert Path(verdicts[1].matches[0].uri).name == "chelsea.png"
        assert steps == [1]
        (tmp_path / "images" / "00000" / "0001.png").unlink()
        assert look_up(gallery).verdicts(folder, 0, samples, steps.append) == verdicts, "remembered"


def test_another_index_or_threshold_is_another_fingerprint(
    gallery: Path, calibrated: Calibrated, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(gallery, tmp_path / "copy.memguard"))
    prints = [look_up(path).fingerprint for path in (gallery, copy, calibrated.path)]
    assert len(set(prints)) == 3
    before = look_up(copy).fingerprint
    assert look_up(copy).fingerprint == before
    assert look_up(copy, thorough=True).fingerprint != before
    shutil.copy(calibrated.path / "calibration.json", copy)
    assert look_up(copy).fingerprint != before


def test_no_index() -> None:
    assert IndexLookup.open(None) is None
