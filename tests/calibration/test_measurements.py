"""Measured distances as they are stored."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from fixtures.calibrations import stored_measurements

from memguard.calibration.measurements import ContaminatedNegative, Measurements
from memguard.errors import CalibrationError


def test_write_and_read(tmp_path: Path) -> None:
    measured = Measurements(
        negatives={"a": np.array([0.25, math.inf, -3.0]), "b": np.array([math.inf] * 3)},
        simulated_copies={"a": np.array([0.5]), "b": np.array([1.0])},
        transforms=("jpeg 30",),
        method="held-out",
        blank=2,
        contaminated=(ContaminatedNegative("/x.png", "/y.png", {"a": 0.1}),),
    )
    (tmp_path / "measurements.json").write_bytes(measured.to_bytes())
    again = stored_measurements(tmp_path)
    for side in ("negatives", "simulated_copies"):
        for name, distances in getattr(measured, side).items():
            np.testing.assert_array_equal(getattr(again, side)[name], distances)
    assert (again.transforms, again.method, again.blank, again.contaminated) == (
        measured.transforms,
        measured.method,
        measured.blank,
        measured.contaminated,
    )


def test_none_and_damaged_ones(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"no readable measurements .*memguard calibrate"):
        stored_measurements(tmp_path)
    for text in ("{", "[]", "{}", '{"negatives": 3}'):
        (tmp_path / "measurements.json").write_text(text)
        with pytest.raises(CalibrationError, match="no readable measurements"):
            stored_measurements(tmp_path)
