"""Observed rates and their Clopper-Pearson bounds."""

from __future__ import annotations

import math

import pytest
from scipy.stats import beta, binomtest

from memguard.calibration.rates import Rate


@pytest.mark.parametrize(("count", "total"), [(0, 60), (1, 60), (7, 300), (59, 60), (60, 60)])
def test_the_bounds_are_clopper_and_pearson_s(count: int, total: int) -> None:
    rate = Rate.of(count, total)
    exact = binomtest(count, total).proportion_ci(confidence_level=0.9, method="exact")
    assert (rate.lower, rate.upper) == pytest.approx((exact.low, exact.high))
    if count < total:
        assert rate.upper == pytest.approx(beta.ppf(0.95, count + 1, total - count))
    assert rate.share == count / total


def test_none_among_n_proves_three_in_n() -> None:
    """By hand: (1 - p)^n = 0.05."""
    rate = Rate.of(0, 3000)
    assert rate.lower == 0
    assert rate.upper == pytest.approx(1 - 0.05 ** (1 / 3000))
    assert rate.upper == pytest.approx(3 / 3000, rel=0.01)


def test_nothing_observed_proves_nothing() -> None:
    rate = Rate.of(0, 0)
    assert (rate.lower, rate.upper) == (0, 1)
    assert math.isnan(rate.share)
