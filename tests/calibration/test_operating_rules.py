"""Thresholds of the operating points, from distances made here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from memguard.calibration.calibrate import choose_thresholds
from memguard.calibration.measurements import Measurements
from memguard.calibration.operating_rules import operating_rules
from memguard.calibration.quantiles import flagged
from memguard.calibration.result import Calibration
from memguard.defaults import MEMORIZED_RATE, SIMILAR_RATE
from memguard.descriptors.clip import Clip
from memguard.descriptors.sscd import Sscd
from memguard.detection.signals import default_thresholds, signal_table

TABLE = signal_table([Clip, Sscd])
DEFAULTS = default_thresholds(TABLE)


def chosen(negatives: Mapping[str, np.ndarray], *, clip_blocks: bool = False) -> Calibration:
    """The calibration by these distances of references left out."""
    copies = {name: np.linspace(0, 0.02, 30) for name in negatives}
    measured = Measurements(negatives, copies, ("jpeg 30",) * 30, "leave-one-out", 0, ())
    signals = [TABLE[name] for name in negatives]
    rules = operating_rules(signals, SIMILAR_RATE, MEMORIZED_RATE, clip_blocks=clip_blocks)
    return choose_thresholds(measured, *rules, records=4, thorough=False)


def spread(count: int, seed: int) -> np.ndarray:
    return 0.5 + np.random.default_rng(seed).exponential(size=count) * 0.1


def test_too_few_references_draw_the_defaults_in() -> None:
    """Each signal's default, but for what contradicts the rate: of 200 references two that are
    near each other may be nearer than what blocks; two such pairs show that it is too loose."""
    negatives = {"structure": spread(200, 0), "aligned_structure": 0.2 + spread(200, 1)}
    negatives["structure"][7:11] = 0.05, 0.05, 0.06, 0.06
    negatives["aligned_structure"][3:5] = 0.05
    found = chosen(negatives)
    assert not found.similar.calibrated
    assert not found.memorized.calibrated
    assert found.thresholds["aligned_structure"] == DEFAULTS["aligned_structure"]
    drawn = found.thresholds["structure"]
    assert 0.05 <= drawn.memorized < 0.06
    assert drawn.similar == DEFAULTS["structure"].similar
    assert found.memorized.observed.total == 200
    assert found.memorized.observed.count <= 6
    assert found.memorized.at_worst == found.memorized.observed, "of its own references none counts"


def test_enough_references_choose_thresholds_of_their_own() -> None:
    negatives = {"structure": spread(3000, 0), "aligned_structure": spread(3000, 1)}
    found = chosen(negatives)
    assert found.similar.calibrated
    assert found.memorized.calibrated
    fresh = {"structure": spread(10**6, 2), "aligned_structure": spread(10**6, 3)}
    for label, target in (("similar", 0.01), ("memorized", 0.001)):
        limits = {name: getattr(limit, label) for name, limit in found.thresholds.items()}
        assert flagged(fresh, limits).mean() <= target * 1.1
        assert found.operating_points()[label].observed.upper < target * 2.5


def test_clip_only_flags_unless_asked_to_block() -> None:
    negatives = {"structure": spread(3000, 0), "clip": spread(3000, 1)}
    found = chosen(negatives)
    assert found.thresholds["clip"].memorized is None
    assert found.thresholds["structure"].memorized is not None
    blocking = chosen(negatives, clip_blocks=True)
    assert blocking.thresholds["clip"].memorized is not None
    assert blocking.thresholds["clip"].memorized <= blocking.thresholds["clip"].similar


def test_a_signal_that_only_blocks_flags_there_too() -> None:
    for seed in range(3):
        negatives = {name: spread(3000, seed + i) for i, name in enumerate(DEFAULTS)}
        for limit in chosen(negatives).thresholds.values():
            assert limit.memorized is None or limit.memorized <= limit.similar
