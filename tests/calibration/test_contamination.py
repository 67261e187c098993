"""Contaminated negatives take independent witnesses."""

from __future__ import annotations

import pytest

from memguard.calibration.contamination import CERTAIN_FEATURES, CERTAIN_STRUCTURE, is_copy
from memguard.descriptors.phash import PHash256
from memguard.descriptors.sscd import Sscd
from memguard.detection.signals import signal_table

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
