"""An audit's images against an index: what is compared, what is remembered."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from fixtures.calibrations import Calibrated
from PIL import Image

from memguard.auditing.generation import Made
from memguard.auditing.lookup import LookUp, ReferenceLevels
from memguard.auditing.run_folder import Kept
from memguard.index.open import open_index


def look_up(index: Path, *, thorough: bool = False) -> LookUp:
    found = LookUp.opened(index, thorough=thorough, weights=None)
    assert found is not None
    return found


def test_only_what_shows_something_is_compared(
    gallery: Path, cat: Image.Image, tmp_path: Path
) -> None:
    kept = Kept(tmp_path)
    made = [Made(Image.new("RGB", (8, 8)), "blank"), Made(cat, "made"), Made(None, "withheld")]
    with kept.opened({}):
        samples = kept.add(0, [], made, [1, 2, 3])
        steps: list[int] = []
        verdicts = look_up(gallery).verdicts(kept, 0, samples, steps.append)
        assert [verdict and verdict.label for verdict in verdicts] == [None, "memorized", None]
        assert verdicts[1] is not None
        assert len(verdicts[1].matches) == 1
        assert Path(verdicts[1].matches[0].uri).name == "chelsea.png"
        assert steps == [1]
        (tmp_path / "images" / "00000" / "0001.png").unlink()
        assert look_up(gallery).verdicts(kept, 0, samples, steps.append) == verdicts, "remembered"


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
    assert LookUp.opened(None) is None


def test_the_pixels_of_the_references(gallery: Path) -> None:
    references = ReferenceLevels(open_index(gallery), 16)
    blocks = list(references)
    levels = np.concatenate(blocks)
    assert levels.shape == (4, 16, 16, 3)
    assert sorted(references.copies.tolist()) == [1, 1, 1, 3]
    assert np.array_equal(np.concatenate(list(references)), levels), "as often as needed"
