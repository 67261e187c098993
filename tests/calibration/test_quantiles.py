"""Thresholds from tails: against known distributions, and on signals that are not smooth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.calibration.quantiles import TIGHTENING, allocate, flagged, tail_threshold

RATES = (0.0002, 0.001, 0.01, 0.05, 0.2)


POWER = 4


def power(count: int, seed: int) -> NDArray[np.float64]:
    """Distances up to 10, of which a share (t / 10) ** POWER lies within t."""
    return 10 * np.random.default_rng(seed).uniform(size=count) ** (1 / POWER)


def share(values: NDArray[np.float64], threshold: float) -> float:
    return float((values <= threshold).mean())


@pytest.mark.parametrize("rate", [0.0005, 0.001, 0.01, 0.03])
def test_powers_have_known_quantiles(rate: float) -> None:
    """3,000 negatives hold one or two within the smallest of these rates; the fit has no bias, and
    is hardly ever off by a factor of 5."""
    true = [(tail_threshold(power(3000, seed), rate) / 10) ** POWER / rate for seed in range(300)]
    assert np.median(true) == pytest.approx(1, rel=0.1)
    assert np.percentile(true, 1) > 1 / 5
    assert np.percentile(true, 99) < 5


def test_the_fit_by_hand() -> None:
    """The nearest 30 of 300 values, each a 2 ** (1 / 30) of the next: by the median 2 ** (15.5 /
    30) below the 31st, which is log(2) times the mean of an exponential."""
    negatives = 2 ** (np.arange(300.0) / 30)
    scale = 15.5 / 30
    assert tail_threshold(negatives, 0.01) == pytest.approx(2 * 0.1**scale)
    assert tail_threshold(negatives, 0.001) == pytest.approx(2 * 0.01**scale)


def test_the_least_distance_need_not_be_zero() -> None:
    """A signal less a constant has its thresholds less that constant."""
    negatives = power(1000, 0)
    for rate in (0.001, 0.2):
        assert tail_threshold(negatives - 1, rate, least=-1) == pytest.approx(
            tail_threshold(negatives, rate) - 1
        )


def test_one_odd_negative_hardly_moves_the_fit() -> None:
    negatives = power(2000, 0)
    odd = negatives.copy()
    odd[odd.argmin()] = -1000
    for rate in (0.001, 0.01):
        assert tail_threshold(odd, rate) == tail_threshold(negatives, rate)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_where_values_are_many_their_own_quantile_counts(rate: float) -> None:
    negatives = np.random.default_rng(0).permutation(100.0 + np.arange(1000))
    threshold = tail_threshold(negatives, rate)
    assert share(negatives, threshold) == pytest.approx(rate)


def test_a_lower_rate_has_a_lower_threshold() -> None:
    for negatives in (power(500, 1), np.random.default_rng(1).lognormal(size=500)):
        limits = [tail_threshold(negatives, rate) for rate in RATES]
        assert limits == sorted(limits)
        assert len(set(limits)) == len(limits)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("unmatched", [1.0, 0.999, 0.99, 0.97, 0.8])
def test_what_nothing_matches_is_never_flagged(unmatched: float, rate: float) -> None:
    """Aligned structure: 1 for most negatives, of which no feature matches. However large the
    rate, the threshold stays below the value of nearly all."""
    negatives = np.ones(1000)
    matched = round((1 - unmatched) * 1000)
    negatives[:matched] = np.random.default_rng(0).uniform(0.5, 0.99, size=matched)
    threshold = tail_threshold(negatives, rate)
    assert threshold < 1
    assert share(negatives, threshold) <= min(rate, 1 - unmatched) * 1.5 + 0.001


@pytest.mark.parametrize("rate", RATES)
def test_counts_that_repeat_do_not_exceed_the_rate(rate: float) -> None:
    """Hash distances are whole numbers, of which one value alone may have more than the rate."""
    negatives = np.random.default_rng(0).binomial(256, 0.4, size=2000).astype(float)
    assert share(negatives, tail_threshold(negatives, rate)) <= rate * 1.5
    two = np.repeat([50.0, 90.0], [300, 700])
    assert share(two, tail_threshold(two, rate)) <= rate


@pytest.mark.parametrize("rate", RATES)
def test_infinite_distances_are_far(rate: float) -> None:
    """Nothing was compared with most negatives, or with any."""
    negatives = np.full(1000, math.inf)
    assert tail_threshold(negatives, rate) == -math.inf
    assert allocate({"a": negatives}, {"a": np.zeros(3)}, rate) == {}
    assert allocate({"a": negatives[:0]}, {"a": np.zeros(3)}, rate) == {}
    negatives[:100] = np.linspace(0.3, 0.9, 100)
    threshold = tail_threshold(negatives, rate)
    assert math.isfinite(threshold)
    assert share(negatives, threshold) <= rate * 1.5


def test_the_union_keeps_the_rate_in_sample() -> None:
    """Whether the signals are independent, the same, or exclude each other."""
    for seed in range(5):
        one, other = power(3000, seed), power(3000, seed + 50)
        exclusive = np.where(np.arange(3000) % 2 == 0, one, 20.0)
        counts = np.random.default_rng(seed).binomial(256, 0.4, size=3000).astype(float)
        for negatives in (
            {"a": one, "b": other, "c": counts},
            {"a": one, "b": one + 5},
            {"a": exclusive, "b": np.where(np.arange(3000) % 2 == 1, other, 20.0)},
        ):
            copies = {name: values / 2 for name, values in negatives.items()}
            for rate in (0.01, 0.05, 0.2):
                thresholds = allocate(negatives, copies, rate)
                observed = flagged(negatives, thresholds).mean()
                assert rate / 3 < observed <= rate, (seed, list(negatives), rate)


def test_the_rate_goes_to_the_signal_that_finds_copies() -> None:
    negatives = {"sharp": power(2000, 0), "dull": power(2000, 1)}
    copies = {"sharp": power(300, 2) * 0.3, "dull": power(300, 3)}
    thresholds = allocate(negatives, copies, 0.01)
    alone = tail_threshold(negatives["sharp"], 0.01)
    half = tail_threshold(negatives["sharp"], 0.005)
    assert half < thresholds["sharp"] <= alone
    if "dull" in thresholds:
        assert thresholds["dull"] < tail_threshold(negatives["dull"], 0.005)
    found = flagged(copies, thresholds).mean()
    equal = {name: tail_threshold(values, 0.005) for name, values in negatives.items()}
    assert found > flagged(copies, equal).mean()


def test_signals_that_find_different_copies_share_the_rate() -> None:
    negatives = {"layout": power(2000, 0), "pieces": power(2000, 1)}
    first = np.arange(400) < 200
    copies = {
        "layout": np.where(first, 0.2, 1.0) * power(400, 2),
        "pieces": np.where(first, 1.0, 0.2) * power(400, 3),
    }
    thresholds = allocate(negatives, copies, 0.01)
    assert set(thresholds) == {"layout", "pieces"}
    assert flagged(copies, thresholds).mean() > 0.8


def test_without_copies_the_rate_is_shared_equally() -> None:
    negatives = {"a": power(1000, 0), "b": power(1000, 1)}
    nothing = {"a": np.zeros(0), "b": np.zeros(0)}
    equal = [
        {name: tail_threshold(values, rate / 2) for name, values in negatives.items()}
        for rate in 0.02 * TIGHTENING ** np.arange(8)
    ]
    assert any(allocate(negatives, nothing, 0.02) == pytest.approx(limits) for limits in equal)


def test_flagged_by_hand() -> None:
    distances = {"a": np.array([1.0, 3.0, 3.0, 1.0]), "b": np.array([9.0, 9.0, 2.0, 2.0])}
    assert flagged(distances, {"a": 1, "b": 2}).tolist() == [True, False, True, True]
    assert flagged(distances, {"b": 2}).tolist() == [False, False, True, True]
