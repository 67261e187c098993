"""The calibration of an index as it is stored."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fixtures.calibrations import (
    EXAMPLE,
    Calibrated,
    store_calibration,
    stored_calibration,
)
from msgspec.structs import replace

from memguard import CalibrationError
from memguard.pipelines.guard import Guard


def test_it_is_saved_in_the_index_and_read_back(calibrated: Calibrated) -> None:
    assert stored_calibration(calibrated.path) == calibrated.calibration


def test_write_and_read(tmp_path: Path) -> None:
    assert stored_calibration(tmp_path) is None
    store_calibration(tmp_path, EXAMPLE)
    assert stored_calibration(tmp_path) == EXAMPLE
    assert [path.name for path in tmp_path.iterdir()] == ["calibration.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:50],
        lambda text: "[]",
        lambda text: "{}",
        lambda text: text.replace('"thresholds": {', '"thresholds": [], "x": {'),
        lambda text: text.replace('"observed"', '"seen"'),
        lambda text: text.replace('"memorized": 0.2', '"block": 0.2'),
    ],
)
def test_a_damaged_file(gallery: Path, tmp_path: Path, damage: object) -> None:
    index = Path(shutil.copytree(gallery, tmp_path / "index"))
    store_calibration(index, EXAMPLE)
    file = index / "calibration.json"
    file.write_text(damage(file.read_text()))  # type: ignore[operator]
    with pytest.raises(CalibrationError, match=r"damaged .*run `memguard calibrate .*index`"):
        stored_calibration(index)
    with pytest.raises(CalibrationError, match="damaged"):
        Guard(index)


def test_outgrown_is_more_than_a_tenth() -> None:
    assert not EXAMPLE.outgrown(110)
    assert EXAMPLE.outgrown(111)


def test_mean_recall() -> None:
    point = EXAMPLE.memorized
    assert replace(point, recall={"crop": 0.5, "blur": 1.0}).mean_recall == 0.75
    assert replace(point, recall={}).mean_recall == 0


def test_it_prints_short_and_as_a_table() -> None:
    assert repr(EXAMPLE) == (
        "<Calibration by held-out, 400 negatives: "
        "similar at 0.01: not proven, observed 0.0075 (<= 0.0193), recall 100%; "
        "memorized at 0.001: not proven, observed 0 (<= 0.00746), recall 50%>"
    )
    html = EXAMPLE._repr_html_()
    for text in ("400 negatives, 100 records", "flag at 0.3, block at 0.2", "block at never"):
        assert text in html
