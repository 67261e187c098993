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


def needed(index: str, calibration: Calibration, label: Label) -> str:
    """What is proven instead of a target, and what would prove it; empty if it is proven.

    Args:
        index: named in commands.
    """
    operating = calibration.operating_points()[label]
    target, observed = operating.target, operating.observed
    if operating.status == "proven":
        return ""
    verb = {"memorized": "blocked", "similar": "flagged"}[label]
    least = math.ceil(NEEDED_PER_RATE / target)
    if not operating.calibrated:
        shown = (
            f"{observed.count:,} of {observed.total:,} negatives {verb} proves "
            f"{percent(observed.upper)}, not {percent(target)}"
            if observed.total
            else "nothing is proven"
        )
        return (
            f"{shown}. That takes at least {least:,} negatives, {least - observed.total:,} more: "
            "default thresholds apply, tightened where these negatives came closer. "
            f"{_way_on(index, calibration, least)}"
        )
    count = negatives_needed(observed, target) if observed.total else least
    if count is None:
        return (
            f"At the observed share no number of negatives proves {percent(target)}. These "
            f"prove {percent(observed.upper)}: ask for that (--{label}-rate "
            f"{observed.upper:.2g}), or look for copies among the {verb} negatives."
        )
    return (
        f"These negatives prove {percent(observed.upper)}. If the observed share holds, about "
        f"{count:,} would prove {percent(target)}. {_way_on(index, calibration, count)} Or ask for "
        f"the rate that these prove (--{label}-rate {observed.upper:.2g})."
    )


def _way_on(index: str, calibration: Calibration, count: int) -> str:
    own = f"`memguard calibrate {index} --pipeline PIPELINE --prompts FILE"
    if calibration.method == "generations":
        aside = calibration.blank + len(calibration.contaminated)
        return f"Make more: {own} --generations {count + aside}`."
    return (
        f"Give {count:,} or more images that are not in the training set: `memguard calibrate "
        f"{index} --negatives FOLDER`. Or let the model make them: {own}`."
    )


def _point(index: str, calibration: Calibration, measured: Measurements, label: Label) -> Point:
    operating = calibration.operating_points()[label]
    limits = {
        name: limit
        for name, threshold in calibration.thresholds.items()
        if (limit := getattr(threshold, label)) is not None and name in measured.negatives
    }
    return Point(
        label=label,
        verb=VERBS[label],
        operating=operating,
        needed=needed(index, calibration, label),
        own=int(flagged(measured.negatives, limits).sum()) if limits else 0,
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
