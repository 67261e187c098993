"""Building, calibrating and opening an index."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import assert_type

from memguard import (
    BuildSummary,
    Calibration,
    Index,
    add_images,
    build_index,
    calibrate_index,
    open_index,
)

assert_type(build_index("photos", Path("training.memguard")), BuildSummary)
assert_type(add_images("training.memguard", "more"), BuildSummary)
assert_type(calibrate_index("training.memguard", "held_out"), Calibration)
index = open_index("training.memguard")
assert_type(index, Index)
assert_type(len(index), int)
