"""Contaminated negatives take independent witnesses."""

from __future__ import annotations

import pytest

from memguard.calibration.contamination import (
    CERTAIN_FEATURES,
    CERTAIN_STRUCTURE,
    SERIES,
    is_copy,
    unrelated,
)
from memguard.descriptors.phash import PHash256
from memguard.descriptors.sscd import Sscd
from memguard.detection.signals import signal_table
from memguard.verdict import Match

TABLE = signal_table([PHash256, Sscd])


@pytest.mark.parametrize(
    ("distances", "expected"),
    [
        ({}, False),
        ({"structure": 0.1}, False),
        ({"phash256": 60}, False),
        ({"structure": 0.1, "phash256": 60}, True),
        ({"aligned_structure": 0.4, "local_features": -6}, False),
        ({"aligned_structure": 0.4, "local_features": -6, "phash256": 60}, True),
        ({"aligned_structure": 0.4, "local_features": -6, "sscd_normalised": -0.4}, True),
        ({"structure": 0.1, "sscd_normalised": -0.4}, True),
        ({"sscd_normalised": -0.4}, False),
        ({"aligned_structure": CERTAIN_STRUCTURE, "local_features": CERTAIN_FEATURES}, True),
        ({"aligned_structure": 0.3, "local_features": CERTAIN_FEATURES}, False),
        ({"aligned_structure": 0.1, "local_features": -20}, False),
    ],
)
def test_a_copy_takes_independent_witnesses(distances: dict[str, float], expected: bool) -> None:
    far = {
        "structure": 1.0,
        "phash256": 128.0,
        "aligned_structure": 1.0,
        "local_features": 0.0,
    }
    assert is_copy(far | distances, TABLE) == expected


@pytest.mark.parametrize(("relatives", "left"), [(0, 3), (SERIES, 3), (SERIES + 1, SERIES + 4)])
def test_a_series_is_left_out_and_a_domain_is_not(relatives: int, left: int) -> None:
    """Within the flag threshold of -16; a copy is left out in either case."""
    near = [Match(f"near {i}", "", "as is", {"copy_evidence": -17.0}) for i in range(relatives)]
    far = [Match(f"far {i}", "", "as is", {"copy_evidence": -15.0}) for i in range(3)]
    copy = Match(
        "copy", "", "as is", {"structure": 0.1, "aligned_structure": 0.1, "local_features": -60.0}
    )
    found = unrelated([*near, copy, *far], TABLE)
    assert len(found) == left
    assert copy not in found
