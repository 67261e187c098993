"""Thresholds from tails: against known distributions, and on signals that are not smooth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.tails import DRAWN_IN, choose, flagged, tail_threshold

RATES = (0.0002, 0.001, 0.01, 0.05, 0.2)


def exponential(count: int, seed: int, *, at: float = 10.0) -> NDArray[np.float64]:
    """Distances at most ``at``, whose gaps from it are exponential with mean 1: a share p lies
    below at + log(p)."""
    return at - np.random.default_rng(seed).exponential(size=count)


def share(values: NDArray[np.float64], threshold: float) -> float:
    return float((values <= threshold).mean())


@pytest.mark.parametrize("rate", [0.0005, 0.001, 0.01, 0.03])
def test_exponential_tails_have_known_quantiles(rate: float) -> None:
    """Of the distances of `exponential`, a share exp(t - 10) lies within t. 3,000 negatives hold
    one or two within the smallest of these rates; the fit has no bias, and is hardly ever off by
    a factor of 5."""
    true = [
        math.exp(tail_threshold(exponential(3000, seed), rate) - 10) / rate for seed in range(300)
    ]
    assert np.median(true) == pytest.approx(1, rel=0.1)
    assert np.percentile(true, 1) > 1 / 5
    assert np.percentile(true, 99) < 5


def test_the_fit_by_hand() -> None:
    """The lower 10 of 100 values, 0 to 9, lie 10, 9 ... 1 below the next: 5.5 by the median, which
    is log(2) times the mean of an exponential."""
    negatives = np.arange(100.0)
    scale = 5.5 / math.log(2)
    assert tail_threshold(negatives, 0.01) == pytest.approx(10 - scale * math.log(10))
    assert tail_threshold(negatives, 0.001) == pytest.approx(10 - scale * math.log(100))


def test_one_odd_negative_hardly_moves_the_fit() -> None:
    negatives = exponential(2000, 0)
    odd = negatives.copy()
    odd[odd.argmin()] = -1000
    for rate in (0.001, 0.01):
        assert tail_threshold(odd, rate) == tail_threshold(negatives, rate)


@pytest.mark.parametrize("rate", [0.1, 0.2, 0.5])
def test_where_values_are_many_their_own_quantile_counts(rate: float) -> None:
    negatives = np.random.default_rng(0).permutation(100.0 + np.arange(100))
    threshold = tail_threshold(negatives, rate)
    assert share(negatives, threshold) == pytest.approx(rate)


def test_a_lower_rate_has_a_lower_threshold() -> None:
    for negatives in (exponential(500, 1), np.random.default_rng(1).normal(size=500)):
        limits = [tail_threshold(negatives, rate) for rate in RATES]
        assert limits == sorted(limits)
        assert len(set(limits)) == len(limits)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("zeros", [1.0, 0.999, 0.99, 0.97, 0.8])
def test_zeros_are_never_flagged(zeros: float, rate: float) -> None:
    """Local features: 0 for most negatives, which match nothing at all. However large the rate,
    the threshold stays below the value of nearly all."""
    negatives = np.zeros(1000)
    matched = round((1 - zeros) * 1000)
    negatives[:matched] = -np.random.default_rng(0).exponential(size=matched) - 0.1
    threshold = tail_threshold(negatives, rate)
    assert threshold < 0
    assert share(negatives, threshold) <= min(rate, 1 - zeros) * 1.5 + 0.001


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
    assert choose({"a": negatives}, {"a": np.zeros(3)}, rate) == {}
    negatives[:100] = np.linspace(0.3, 0.9, 100)
    threshold = tail_threshold(negatives, rate)
    assert math.isfinite(threshold)
    assert share(negatives, threshold) <= rate * 1.5


def test_the_union_keeps_the_rate_in_sample() -> None:
    """Whether the signals are independent, the same, or exclude each other."""
    for seed in range(5):
        one, other = exponential(3000, seed), exponential(3000, seed + 50)
        exclusive = np.where(np.arange(3000) % 2 == 0, one, 10.0)
        counts = np.random.default_rng(seed).binomial(256, 0.4, size=3000).astype(float)
        for negatives in (
            {"a": one, "b": other, "c": counts},
            {"a": one, "b": one + 5},
            {"a": exclusive, "b": np.where(np.arange(3000) % 2 == 1, other, 10.0)},
        ):
            copies = {name: values - 2 for name, values in negatives.items()}
            for rate in (0.01, 0.05, 0.2):
                thresholds = choose(negatives, copies, rate)
                observed = flagged(negatives, thresholds).mean()
                assert rate / 3 < observed <= rate, (seed, list(negatives), rate)


def test_the_rate_goes_to_the_signal_that_finds_copies() -> None:
    negatives = {"sharp": exponential(2000, 0), "dull": exponential(2000, 1)}
    copies = {"sharp": exponential(300, 2) - 4.0, "dull": exponential(300, 3)}
    thresholds = choose(negatives, copies, 0.01)
    alone = tail_threshold(negatives["sharp"], 0.01)
    half = tail_threshold(negatives["sharp"], 0.005)
    assert half < thresholds["sharp"] <= alone
    if "dull" in thresholds:
        assert thresholds["dull"] < tail_threshold(negatives["dull"], 0.005)
    found = flagged(copies, thresholds).mean()
    equal = {name: tail_threshold(values, 0.005) for name, values in negatives.items()}
    assert found > flagged(copies, equal).mean()


def test_signals_that_find_different_copies_share_the_rate() -> None:
    negatives = {"layout": exponential(2000, 0), "pieces": exponential(2000, 1)}
    first = np.arange(400) < 200
    copies = {
        "layout": np.where(first, 3.0, 10.0) + exponential(400, 2) - 10,
        "pieces": np.where(first, 10.0, 3.0) + exponential(400, 3) - 10,
    }
    thresholds = choose(negatives, copies, 0.01)
    assert set(thresholds) == {"layout", "pieces"}
    assert flagged(copies, thresholds).mean() > 0.8


def test_without_copies_the_rate_is_shared_equally() -> None:
    negatives = {"a": exponential(1000, 0), "b": exponential(1000, 1)}
    nothing = {"a": np.zeros(0), "b": np.zeros(0)}
    equal = [
        {name: tail_threshold(values, rate / 2) for name, values in negatives.items()}
        for rate in 0.02 * DRAWN_IN ** np.arange(8)
    ]
    assert any(choose(negatives, nothing, 0.02) == pytest.approx(limits) for limits in equal)


def test_flagged_by_hand() -> None:
    distances = {"a": np.array([1.0, 3.0, 3.0, 1.0]), "b": np.array([9.0, 9.0, 2.0, 2.0])}
    assert flagged(distances, {"a": 1, "b": 2}).tolist() == [True, False, True, True]
    assert flagged(distances, {"b": 2}).tolist() == [False, False, True, True]
