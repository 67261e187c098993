"""Drift: exact tails, few false alarms over many looks, found where there is one, said once."""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec
import numpy as np
import pytest
from scipy import stats

from memguard.calibration.drift import (
    ALPHA,
    FIRST_LOOK,
    Drift,
    DriftTest,
    binomial_tail,
    drifts,
    ks_difference,
    ks_tail,
    promised_rate,
)
from memguard.calibration.measurements import Measurements, Method
from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration, OperatingPoint
from memguard.signal_type import Threshold
from memguard.verdict import Label, Signal, Verdict

SIMILAR, MEMORIZED = 0.02, 0.005


def point(target: float, calibrated: bool = True) -> OperatingPoint:
    return OperatingPoint(target, calibrated, Rate.of(0, 1000), Rate.of(0, 1000), {})


def calibration(calibrated: bool = True) -> Calibration:
    return Calibration(
        thresholds={"copy_evidence": Threshold(0.3, 0.2)},
        similar=point(SIMILAR, calibrated),
        memorized=point(MEMORIZED, calibrated),
        method="held-out",
        negatives=1000,
        blank=0,
        contaminated=(),
        records=100,
        thorough=False,
    )


def measured(distances: Iterable[float], method: Method = "held-out") -> Measurements:
    negatives = {"copy_evidence": np.array(list(distances), np.float64)}
    return Measurements(negatives, {}, (), method, 0, ())


def verdict(label: Label, distance: float = 0.8) -> Verdict:
    return Verdict(label, 0.0, (Signal("copy_evidence", distance, 0.3, 0.2),))


def stream(rng: np.random.Generator, count: int, flagged: float) -> list[Verdict]:
    """Verdicts, a share of which are flagged; a quarter of those as memorized."""
    draws = rng.random(count)
    labels = np.where(
        draws < flagged / 4, "memorized", np.where(draws < flagged, "similar", "clear")
    )
    return [verdict(label) for label in labels.tolist()]


@pytest.mark.parametrize(
    ("count", "total", "rate"), [(0, 10, 0.1), (1, 10, 0.1), (7, 100, 0.01), (10, 10, 0.5)]
)
def test_the_tail_is_the_binomial_s(count: int, total: int, rate: float) -> None:
    expected = stats.binomtest(count, total, rate, alternative="greater").pvalue
    assert binomial_tail(count, total, rate) == pytest.approx(expected, rel=1e-9)


def test_the_difference_is_kolmogorov_s() -> None:
    rng = np.random.default_rng(0)
    for sizes in ((100, 100), (100, 1000), (400, 300)):
        for shift in (0.0, 0.1, 0.3):
            first, second = rng.normal(shift, 1, sizes[0]), rng.normal(0, 1, sizes[1])
            exact = stats.ks_2samp(first, second, method="exact")
            difference, nearer = ks_difference(first, second)
            assert difference == pytest.approx(exact.statistic)
            assert nearer == (exact.statistic_sign > 0)
            assert ks_tail(difference, *sizes) >= 0.9 * exact.pvalue


def test_infinite_distances_are_the_farthest() -> None:
    live = np.array([1.0, math.inf, math.inf, math.inf])
    assert ks_difference(live, np.array([1.0, 1.0, 1.0, math.inf])) == (0.5, False)
    assert ks_difference(live, live) == (0.0, False)


def test_false_alarms_are_rare_over_many_looks() -> None:
    """Exactly at the promised rates, which is the worst case; streams of four looks each."""
    rng = np.random.default_rng(1)
    negatives = measured(rng.normal(0.8, 0.1, 1000))
    alarms = 0
    for _ in range(80):
        test = DriftTest(calibration(), negatives)
        verdicts = [
            verdict(one.label, distance)
            for one, distance in zip(
                stream(rng, 800, SIMILAR), rng.normal(0.8, 0.1, 800), strict=True
            )
        ]
        alarms += bool(drifts(test, verdicts))
    assert alarms <= stats.binom.isf(1e-6, 80, ALPHA)


def test_a_rate_that_is_too_high_is_found_and_said_once() -> None:
    test = DriftTest(calibration(), None)
    found = drifts(test, stream(np.random.default_rng(2), 12_800, 4 * SIMILAR))
    assert sorted(one.what for one in found) == ["blocked", "flagged"]
    flagged = next(one for one in found if one.what == "flagged")
    assert flagged.images <= 400
    assert "the calibration promised at most 2.00% of novel images (p = " in flagged.text
    assert f"of the last {flagged.images} images were flagged" in flagged.text


def test_a_late_drift_is_not_diluted() -> None:
    rng = np.random.default_rng(3)
    test = DriftTest(calibration(), None)
    assert drifts(test, stream(rng, 64_000, SIMILAR / 4)) == []
    found = drifts(test, stream(rng, 1600, 4 * SIMILAR))
    assert "flagged" in {one.what for one in found}


@pytest.mark.parametrize(("mean", "side"), [(0.7, "nearer to"), (0.9, "farther from")])
def test_other_distances_are_found_and_said_once(mean: float, side: str) -> None:
    rng = np.random.default_rng(4)
    test = DriftTest(calibration(), measured(rng.normal(0.8, 0.1, 500)))
    live = [verdict("clear", distance) for distance in rng.normal(mean, 0.1, 3200)]
    (found,) = drifts(test, live)
    assert (found.what, found.images) == ("copy_evidence", FIRST_LOOK)
    assert f"images are {side} the training set by copy_evidence than the 500 negatives" in (
        found.text
    )


def test_a_small_difference_is_not_worth_a_word() -> None:
    rng = np.random.default_rng(5)
    test = DriftTest(calibration(), measured(rng.normal(0.8, 0.1, 3000)))
    assert drifts(test, [verdict("clear", one) for one in rng.normal(0.79, 0.1, 6400)]) == []


@pytest.mark.parametrize(
    "negatives", [measured([0.8] * 99), measured([0.8] * 500, "leave-one-out"), None]
)
def test_what_promises_no_distances(negatives: Measurements | None) -> None:
    test = DriftTest(calibration(), negatives)
    assert drifts(test, [verdict("clear", 0.4)] * 400) == []


def test_what_was_not_compared_does_not_count() -> None:
    test = DriftTest(calibration(), None)
    unseen: list[Verdict] = [verdict("unchecked"), verdict("uninformative")] * 400
    assert drifts(test, unseen) == []
    found: list[Drift] = drifts(test, [verdict("memorized")] * FIRST_LOOK)
    assert {one.images for one in found} == {FIRST_LOOK}


def test_an_unproven_rate_promises_no_more_than_was_observed() -> None:
    assert promised_rate(point(0.01)) == 0.01
    few = msgspec.structs.replace(point(0.01, False), observed=Rate.of(1, 50))
    assert promised_rate(few) == few.observed.upper > 0.09
