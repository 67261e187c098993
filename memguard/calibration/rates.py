"""Observed rates with their confidence bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import betaincinv

CONFIDENCE = 0.95
"""Confidence level of the Clopper-Pearson bounds, each one-sided."""


@dataclass(frozen=True)
class Rate:
    """An observed share with its Clopper-Pearson bounds.

    Attributes:
        count: successes.
        total: trials.
        lower, upper: one-sided bounds at :data:`CONFIDENCE`, in [0, 1].
    """

    count: int
    total: int
    lower: float
    upper: float

    @classmethod
    def of(cls, count: int, total: int) -> Rate:
        """The bounds of Clopper and Pearson 1934, by quantiles of the beta distribution."""
        lower = float(betaincinv(count, total - count + 1, 1 - CONFIDENCE)) if count else 0.0
        upper = float(betaincinv(count + 1, total - count, CONFIDENCE)) if count < total else 1.0
        return cls(count, total, lower, upper)

    @property
    def share(self) -> float:
        """``count / total``; NaN without trials."""
        return self.count / self.total if self.total else math.nan
