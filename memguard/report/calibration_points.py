"""A calibration's operating points in words, and what would prove their targets."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from memguard.calibration.measurements import Measurements
from memguard.calibration.quantiles import flagged
from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration, OperatingPoint
from memguard.defaults import NEEDED_PER_RATE
from memguard.report.formatting import percent
from memguard.report.plots import VERBS
from memguard.verdict import Label

VERBED: Mapping[Label, str] = {"memorized": "blocked", "similar": "flagged"}

MOST_NEEDED = 10**9
"""Numbers of negatives that are suggested, at most."""


@dataclass(frozen=True)
class Point:
    """One operating point in words.

    Attributes:
        label: of images within its thresholds.
        verb: what happens to them.
        operating: what was observed.
        means: what its status means, in a sentence or two.
        needed: what would prove the target, or what to do where it was missed; empty if it is
            proven.
        own: negatives within the thresholds in use, which they helped to choose.
    """

    label: Label
    verb: str
    operating: OperatingPoint
    means: str
    needed: str
    own: int


def points(index: str, calibration: Calibration, measured: Measurements) -> list[Point]:
    """The points that block and flag; ``index`` is named in commands."""
    labels: tuple[Label, ...] = ("memorized", "similar")
    return [_point(index, calibration, measured, label) for label in labels]


def means(calibration: Calibration, label: Label) -> str:
    """What proven, not proven and missed mean."""
    operating = calibration.operating_points()[label]
    observed, verb = operating.observed, VERBED[label]
    if operating.status == "proven":
        return f"So few of these negatives are {verb} that chance does not explain it."
    if operating.status == "not proven":
        return "These negatives neither prove the target nor contradict it."
    if calibration.method == "leave-one-out":
        return (
            "More of the training set's own images come close to another one than the target "
            "allows, and not by chance: they repeat each other, or are much alike. What this says "
            "of generated images is not known."
        )
    return (
        f"More novel images are {verb} than you allowed, and not by chance: expect that of every "
        f"100 novel images {_between(observed)} are {verb} without reason, until you act."
    )


def _between(rate: Rate) -> str:
    return f"{100 * rate.lower:.2g} to {100 * rate.upper:.2g}"


def needed(index: str, calibration: Calibration, label: Label) -> str:
    """What is proven instead of a target, and what would prove it; where it was missed, what to do;
    empty if it is proven.

    Args:
        index: named in commands.
    """
    index = shlex.quote(index)
    operating = calibration.operating_points()[label]
    target, observed = operating.target, operating.observed
    if operating.status == "proven":
        return ""
    if operating.status == "missed":
        return _after_missed(index, calibration, label)
    least = math.ceil(NEEDED_PER_RATE / target)
    if not operating.calibrated:
        shown = (
            f"{observed.count:,} of {observed.total:,} negatives {VERBED[label]} proves "
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
            f"At the observed share no number of negatives proves {percent(target)}. "
            f"{_after_missed(index, calibration, label)}"
        )
    return (
        f"These negatives prove {percent(observed.upper)}. If the observed share holds, about "
        f"{count:,} would prove {percent(target)}. {_way_on(index, calibration, count)} Or ask for "
        f"the rate that these prove (`{_laxer(calibration, label)}`)."
    )


def _after_missed(index: str, calibration: Calibration, label: Label) -> str:
    """What to do, in this order."""
    look = 'First look at the pairs under "Negatives that came nearest" in the report.'
    if calibration.method == "leave-one-out":
        return (
            f"{look} Where both show the same picture, nothing is wrong: `memguard duplicates "
            f"{index}` lists such pictures. Where they are different pictures, the thresholds are "
            "too loose for this training set. Then calibrate with images that are not in it: "
            f"`memguard calibrate {index} --negatives FOLDER`, or let the model make them: "
            f"`memguard calibrate {index} --pipeline PIPELINE --prompts FILE`."
        )
    if calibration.method == "generations":
        aside = "it is a copy: say so in review.csv"
    else:
        aside = "it is no negative: take it out of the folder"
    lax = f"ask for the rate that these negatives prove (`{_laxer(calibration, label)}`)"
    if label == "memorized":
        lax += ', or guard with `policy="flag"`, so that nothing is blocked'
    return (
        f"{look} If a negative shows a training image, {aside}, and calibrate again. If all are "
        f"novel, give more of them, so that thresholds are chosen better; or {lax}."
    )


def _laxer(calibration: Calibration, label: Label) -> str:
    """The options that ask for the rate that is proven, rounded up."""
    proven = calibration.operating_points()[label].observed.upper
    digits = 1 - math.floor(math.log10(proven))
    rate = math.ceil(proven * 10**digits) / 10**digits
    options = f"--{label}-rate {rate:g}"
    if label == "memorized" and rate > calibration.similar.target:
        options += f" --similar-rate {rate:g}"
    return options


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
        means=means(calibration, label),
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
