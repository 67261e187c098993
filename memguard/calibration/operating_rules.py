"""Thresholds of an operating point, and what they are worth.

An operating point is a false-positive rate that the union of all signals may reach. With enough
negatives its thresholds are allocated by the tails of their distances
(:mod:`memguard.calibration.quantiles`). With fewer, the default thresholds apply, tightened until
the negatives agree with the rate.

References left out of their own index are negatives of another kind: those nearest to others are
members of a series, and say nothing about novel images. The default thresholds apply, tightened
where the bulk of the references shows a domain in which everything is alike
(docs/decisions/0011-leave-one-out-by-the-bulk.md).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from memguard.calibration.measurements import Distances, Measurements
from memguard.calibration.quantiles import allocate, flagged
from memguard.calibration.rates import Rate
from memguard.calibration.result import OperatingPoint
from memguard.defaults import NEEDED_PER_RATE
from memguard.signal_type import SignalType

FOLDS = 5
"""Folds of the cross-validation over the negatives."""

FEWEST_LEFT_OUT = 30
"""References that a bulk is fitted to, at least. Chosen by hand."""


@dataclass(frozen=True)
class OperatingRule:
    """How the thresholds of one operating point are chosen.

    Attributes:
        label: which thresholds.
        rate: the false-positive rate that their union may reach, in (0, 1).
        signals: those that may be given a threshold.
        stricter: the operating point whose thresholds these must not fall below: what blocks is
            flagged as well, and its rate is part of this one's.
    """

    label: Literal["similar", "memorized"]
    rate: float
    signals: tuple[SignalType, ...]
    stricter: OperatingRule | None = None

    def is_proven_by(self, negatives: int) -> bool:
        """Whether this number of negatives can prove the rate."""
        return negatives >= NEEDED_PER_RATE / self.rate

    def thresholds(self, measured: Measurements, negatives: Distances) -> dict[str, float]:
        """Signal name to threshold.

        Args:
            measured: the simulated copies, and all negatives.
            negatives: the negatives to choose by, a part of those measured.
        """
        stricter = self.stricter.thresholds(measured, negatives) if self.stricter else {}
        rate = self.rate - (self.stricter.rate if self.stricter else 0)
        if measured.method == "leave-one-out":
            own = self._by_bulk(negatives)
        elif not self.is_proven_by(measured.count):
            own = self._tightened(negatives)
        elif rate > 0:
            names = [signal.name for signal in self.signals]
            own = allocate(
                {name: negatives[name] for name in names},
                {name: measured.simulated_copies[name] for name in names},
                rate,
                {signal.name: signal.least for signal in self.signals},
            )
        else:
            own = {}
        return {
            signal.name: max(own.get(signal.name, -math.inf), stricter.get(signal.name, -math.inf))
            for signal in self.signals
            if signal.name in own or signal.name in stricter
        }

    def _tightened(self, negatives: Distances) -> dict[str, float]:
        """The default thresholds, tightened until the negatives agree with the rate.

        Too few negatives cannot choose thresholds, but they can show that one is too loose: where
        more are within it than the rate explains at ``rates.CONFIDENCE``.
        """
        limits: dict[str, float] = {}
        for name, default in self._defaults().items():
            distances = negatives[name]
            explained = _explained(len(distances), self.rate)
            nearest = np.sort(distances)[explained:].min(initial=np.inf)
            limits[name] = float(min(default, np.nextafter(nearest, -np.inf)))
        return limits

    def _by_bulk(self, negatives: Distances) -> dict[str, float]:
        """The default thresholds, tightened where the bulk of the references comes too near.

        The median and the farther quartile of the nearest distances determine a normal
        distribution, of which the rate is the quantile. Neither moves where fewer than half of
        the references have a near relative.
        """
        limits = self._defaults()
        for name, default in limits.items():
            distances = negatives[name][np.isfinite(negatives[name])]
            if len(distances) >= FEWEST_LEFT_OUT:
                middle, far = np.quantile(distances, [0.5, 0.75])
                reach = norm.isf(self.rate) / norm.isf(0.25)
                limits[name] = min(default, float(middle - reach * (far - middle)))
        return limits

    def _defaults(self) -> dict[str, float]:
        """Signal name to default threshold."""
        found = {
            signal.name: getattr(signal.default, self.label)
            for signal in self.signals
            if signal.default is not None
        }
        return {name: limit for name, limit in found.items() if limit is not None}


def operating_rules(
    signals: Sequence[SignalType], similar: float, memorized: float, *, clip_blocks: bool = False
) -> tuple[OperatingRule, OperatingRule]:
    """What flags and what blocks at these rates.

    Args:
        signals: those that were measured.
        similar, memorized: the two false-positive rates.
        clip_blocks: let signals block that only flag by default.
    """
    blocking = tuple(signal for signal in signals if clip_blocks or signal.may_block)
    block = OperatingRule("memorized", memorized, blocking)
    return OperatingRule("similar", similar, tuple(signals), stricter=block), block


def evaluate(
    measured: Measurements, rule: OperatingRule
) -> tuple[dict[str, float], OperatingPoint]:
    """The thresholds of one operating point, and what they are worth."""
    count = measured.count

    def part(rows: NDArray[np.bool_]) -> Distances:
        return {name: values[rows] for name, values in measured.negatives.items()}

    folds = np.arange(count) % FOLDS
    false = sum(
        int(flagged(part(folds == fold), chosen).sum())
        for fold in range(min(FOLDS, count))
        if (chosen := rule.thresholds(measured, part(folds != fold)))
    )
    thresholds = rule.thresholds(measured, measured.negatives)
    found = (
        flagged(measured.simulated_copies, thresholds)
        if thresholds
        else np.zeros(len(measured.transforms), dtype=bool)
    )
    transforms = np.array(measured.transforms)
    recall = {
        name: float(found[transforms == name].mean()) for name in dict.fromkeys(transforms.tolist())
    }
    doubtful = measured.doubtful
    return thresholds, OperatingPoint(
        target=rule.rate,
        calibrated=measured.method != "leave-one-out" and rule.is_proven_by(count),
        observed=Rate.of(false, count),
        at_worst=Rate.of(false + doubtful, count + doubtful),
        recall=recall,
    )


def _explained(count: int, rate: float) -> int:
    """The most negatives of ``count`` that may be flagged without contradicting a rate."""
    flagged = 0
    while flagged < count and Rate.of(flagged + 1, count).lower <= rate:
        flagged += 1
    return flagged
