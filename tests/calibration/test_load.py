"""The detector of an index with its calibrated thresholds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fixtures.calibrations import (
    EXAMPLE,
    store_calibration,
)
from msgspec.structs import replace

from memguard import CalibrationError
from memguard.calibration.load import calibrated_detector
from memguard.detection.signals import default_thresholds
from memguard.index.open import open_index
from memguard.report import calibration_page
from memguard.signal_type import Threshold

CURRENT = replace(EXAMPLE, thresholds={"copy_evidence": Threshold(-16, -24)})
"""A calibration of today."""


def test_an_index_that_is_not_calibrated_says_so(
    gallery: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checker = calibrated_detector(open_index(gallery))
    assert checker.thresholds == default_thresholds(checker.signals)
    assert checker.rates == {}
    assert "has not been calibrated; default thresholds apply: run `memguard calib" in caplog.text


def test_a_calibration_that_measured_nothing_says_so(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """memguard 0.1 stored such calibrations of embeddings; with them, every image would pass."""
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    store_calibration(index, replace(CURRENT, thresholds={}, negatives=0, records=4))
    checker = calibrated_detector(open_index(index))
    assert checker.thresholds == default_thresholds(checker.signals)
    assert checker.rates == {}
    assert "has not been calibrated; default thresholds apply" in caplog.text


def test_a_signal_that_is_no_longer_installed_is_missed(gallery: Path, tmp_path: Path) -> None:
    """Without it, the copies that it alone finds would pass."""
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    thresholds = {**CURRENT.thresholds, "holograms": Threshold(0.1, 0.05)}
    store_calibration(index, replace(CURRENT, thresholds=thresholds))
    for use in (lambda: calibrated_detector(open_index(index)), lambda: calibration_page(index)):
        with pytest.raises(CalibrationError, match=r"'holograms'.*install the package"):
            use()


@pytest.mark.parametrize(("records", "warns"), [(4, False), (3, True)])
def test_an_index_that_has_outgrown_its_calibration_says_so(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, records: int, warns: bool
) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    store_calibration(index, replace(CURRENT, records=records))
    checker = calibrated_detector(open_index(index))
    assert checker.thresholds == CURRENT.thresholds
    assert checker.rates == {"similar": 0.01}, "the other rate was not proven"
    said = f"has grown from {records} records since its calibration" in caplog.text
    assert said == warns
    assert bool(caplog.records) == warns


def test_thorough_wants_a_thorough_calibration(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    store_calibration(index, replace(CURRENT, records=4))
    assert calibrated_detector(open_index(index), thorough=True).thorough
    said = f"{index} was calibrated without thorough; run `memguard calibrate {index}` --thorough"
    assert caplog.messages == [said]
    caplog.clear()
    store_calibration(index, replace(CURRENT, records=4, thorough=True))
    calibrated_detector(open_index(index), thorough=True)
    assert not caplog.records


def test_an_older_calibration_applies_and_says_so(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Before the fused score, the structure decided."""
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    thresholds = {"structure": Threshold(0.3, 0.26)}
    store_calibration(index, replace(CURRENT, records=4, thresholds=thresholds))
    assert calibrated_detector(open_index(index)).thresholds == thresholds
    assert "was calibrated by an older memguard" in caplog.text


def test_a_guard_names_the_shortfalls_in_its_log(
    gallery: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    store_calibration(index, replace(CURRENT, records=4, shortfalls=("few insets are blocked",)))
    calibrated_detector(open_index(index))
    assert "few insets are blocked" in caplog.text
