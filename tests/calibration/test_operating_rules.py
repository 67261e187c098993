"""Thresholds of the operating points, from distances made here."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from memguard.calibration.calibrate import choose_thresholds
from memguard.calibration.measurements import Measurements, Method
from memguard.calibration.operating_rules import operating_rules
from memguard.calibration.quantiles import flagged
from memguard.calibration.result import Calibration
from memguard.defaults import MEMORIZED_RATE, SIMILAR_RATE
from memguard.descriptors.clip import Clip
from memguard.descriptors.sscd import Sscd
from memguard.detection.signals import default_thresholds, signal_table

TABLE = signal_table([Clip, Sscd])
DEFAULTS = default_thresholds(TABLE)


def chosen(
    negatives: Mapping[str, np.ndarray], method: Method = "held-out", *, clip_blocks: bool = False
) -> Calibration:
    """The calibration by these distances of negatives."""
    copies = {name: np.linspace(-60, -50, 30) for name in negatives}
    measured = Measurements(negatives, copies, ("jpeg 30",) * 30, method, 0, ())
    signals = [TABLE[name] for name in negatives]
    rules = operating_rules(signals, SIMILAR_RATE, MEMORIZED_RATE, clip_blocks=clip_blocks)
    return choose_thresholds(measured, *rules, records=4, thorough=False)


def spread(count: int, seed: int) -> np.ndarray:
    return 0.5 + np.random.default_rng(seed).exponential(size=count) * 0.1


def test_too_few_negatives_draw_the_defaults_in() -> None:
    """Each signal's default, but for what contradicts the rate: of 200 negatives one may be nearer
    than what blocks; three show that it is too loose."""
    negatives = {"copy_evidence": -10 * spread(200, 0), "sscd_normalised": spread(200, 1)}
    negatives["copy_evidence"][7:10] = -30, -29, -28
    negatives["sscd_normalised"][3] = -0.5
    found = chosen(negatives)
    assert not found.similar.calibrated
    assert not found.memorized.calibrated
    assert found.thresholds["sscd_normalised"] == DEFAULTS["sscd_normalised"]
    drawn = found.thresholds["copy_evidence"]
    assert -30 <= drawn.memorized < -29
    assert drawn.similar == DEFAULTS["copy_evidence"].similar
    assert found.memorized.observed.total == 200
    assert found.memorized.observed.count <= 4
    assert found.memorized.at_worst == found.memorized.observed, "no negative was set aside"


def bulk(middle: float, spread: float, count: int = 400) -> np.ndarray:
    """Normal distances, as the nearest references of a training set have."""
    return np.random.default_rng(0).normal(middle, spread, count)


def test_a_minority_of_near_references_tightens_nothing() -> None:
    evidence = bulk(-5, 2)
    evidence[:160] = -60
    found = chosen({"copy_evidence": evidence}, "leave-one-out")
    assert found.thresholds["copy_evidence"] == DEFAULTS["copy_evidence"]
    assert found.shortfalls == ()


def test_references_that_are_all_alike_tighten_by_their_distribution() -> None:
    found = chosen({"copy_evidence": bulk(-20, 5)}, "leave-one-out")
    limits = found.thresholds["copy_evidence"]
    # Quantiles of the normal distribution: 3.09 and 2.326 standard deviations.
    assert abs(limits.memorized - (-20 - 3.09 * 5)) < 2
    assert abs(limits.similar - (-20 - 2.326 * 5)) < 2
    assert "copy_evidence blocks from" in found.shortfalls[0]
    assert "half of the references" in found.shortfalls[0]


def test_leave_one_out_proves_no_rate_however_many_references_there_are() -> None:
    found = chosen({"copy_evidence": bulk(-5, 1, 6000)}, "leave-one-out")
    assert not found.memorized.calibrated
    assert found.memorized.observed.upper < found.memorized.target
    assert found.memorized.status == "not proven"


def test_few_references_say_nothing_of_their_bulk() -> None:
    found = chosen({"copy_evidence": np.full(20, -40.0)}, "leave-one-out")
    assert found.thresholds["copy_evidence"] == DEFAULTS["copy_evidence"]


def test_enough_negatives_choose_thresholds_of_their_own() -> None:
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
