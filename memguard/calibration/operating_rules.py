"""Thresholds of an operating point, and what they are worth.

An operating point is a false-positive rate that the union of all signals may reach. With enough
negatives its thresholds are allocated by the tails of their distances
(:mod:`memguard.calibration.quantiles`). With fewer, the default thresholds apply, tightened until
the negatives agree with the rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memguard.calibration.measurements import Distances, Measurements, Method
from memguard.calibration.quantiles import allocate, flagged
from memguard.calibration.rates import Rate
from memguard.calibration.result import OperatingPoint
from memguard.defaults import NEEDED_PER_RATE
from memguard.signal_type import SignalType

FOLDS = 5
"""Folds of the cross-validation over the negatives."""

FLAGGED_TOGETHER: Mapping[Method, int] = {"held-out": 1, "leave-one-out": 2, "generations": 1}
"""Negatives that one chance likeness flags: of two references alike, each is left out in turn."""


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
        if not self.is_proven_by(measured.count):
            own = self._tightened(negatives, FLAGGED_TOGETHER[measured.method])
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

    def _tightened(self, negatives: Distances, together: int) -> dict[str, float]:
        """The default thresholds, tightened until the negatives agree with the rate.

        Too few negatives cannot choose thresholds, but they can show that one is too loose: where
        more are within it than the rate explains at ``rates.CONFIDENCE``. One odd pair of
        references alike does not, and must not cost the recall of all others.

        Args:
            negatives: distances of novel images.
            together: negatives flagged together, which count as one.
        """
        limits: dict[str, float] = {}
        for signal in self.signals:
            default = None if signal.default is None else getattr(signal.default, self.label)
            if default is not None:
                distances = negatives[signal.name]
                explained = together * _explained(len(distances) // together, self.rate)
                nearest = np.sort(distances)[explained:].min(initial=np.inf)
                limits[signal.name] = float(min(default, np.nextafter(nearest, -np.inf)))
        return limits


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
        calibrated=rule.is_proven_by(count),
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
