"""A calibration's operating points in words, and what would prove their targets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from memguard.calibration.measurements import Measurements
from memguard.calibration.quantiles import flagged
from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration, OperatingPoint
from memguard.defaults import NEEDED_PER_RATE
from memguard.report.formatting import percent
from memguard.report.plots import VERBS
from memguard.verdict import Label

MOST_NEEDED = 10**9
"""Numbers of negatives that are suggested, at most."""


@dataclass(frozen=True)
class Point:
    """One operating point in words.

    Attributes:
        label: of images within its thresholds.
        verb: what happens to them.
        operating: what was observed.
        needed: what would prove the target, in a sentence; empty if it is proven.
        own: negatives within the thresholds in use, which they helped to choose.
    """

    label: Label
    verb: str
    operating: OperatingPoint
    needed: str
    own: int


def points(index: str, calibration: Calibration, measured: Measurements) -> list[Point]:
    """The points that block and flag; ``index`` is named in commands."""
    labels: tuple[Label, ...] = ("memorized", "similar")
    return [_point(index, calibration, measured, label) for label in labels]


def _point(index: str, calibration: Calibration, measured: Measurements, label: Label) -> Point:
    operating = calibration.operating_points()[label]
    limits = {
        name: limit
        for name, threshold in calibration.thresholds.items()
        if (limit := getattr(threshold, label)) is not None and name in measured.negatives
    }
    proven = operating.status == "proven"
    return Point(
        label=label,
        verb=VERBS[label],
        operating=operating,
        needed="" if proven else _needed(index, operating, label),
        own=int(flagged(measured.negatives, limits).sum()) if limits else 0,
    )


def _needed(index: str, operating: OperatingPoint, label: Label) -> str:
    target, observed = operating.target, operating.observed
    verb = {"memorized": "blocked", "similar": "flagged"}[label]
    least = math.ceil(NEEDED_PER_RATE / target)
    give = f"`memguard calibrate {index} --negatives FOLDER`"
    count = negatives_needed(observed, target) if observed.total else least
    if not operating.calibrated:
        return (
            f"A rate of {percent(target)} takes at least {least:,} negatives to choose thresholds "
            f"by, and there are {observed.total:,}: default thresholds apply, tightened where "
            f"these negatives came closer. Give {least:,} or more images that are not in the "
            f"training set: {give}."
        )
    if count is None:
        return (
            f"At the observed share no number of negatives proves {percent(target)}. These "
            f"prove {percent(observed.upper)}: ask for that (--{label}-rate "
            f"{observed.upper:.2g}), or look for copies among the {verb} negatives."
        )
    return (
        f"If the observed share holds, about {count:,} negatives would prove "
        f"{percent(target)}: {give}. Or ask for the rate that these prove (--{label}-rate "
        f"{observed.upper:.2g})."
    )


def negatives_needed(observed: Rate, target: float) -> int | None:
    """Negatives that would prove the target if the observed share holds; None if no number does."""
    if observed.share >= target:
        return None

    def proven(count: int) -> bool:
        return Rate.of(math.ceil(observed.share * count), count).upper <= target

    most: int = max(observed.total, math.ceil(NEEDED_PER_RATE / target))
    while not proven(most):
        most *= 2
        if most > MOST_NEEDED:
            return None
    least = most // 2
    while most - least > max(1, most // 100):
        middle = (least + most) // 2
        least, most = (least, middle) if proven(middle) else (middle, most)
    digits: int = 10 ** max(len(str(most)) - 2, 0)
    return math.ceil(most / digits) * digits
