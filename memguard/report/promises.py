"""What the thresholds behind a verdict promise, for readers who did not choose them."""

from __future__ import annotations

from collections.abc import Mapping

from memguard.calibration.rates import CONFIDENCE
from memguard.calibration.result import PROVES, Calibration
from memguard.report.formatting import percent
from memguard.verdict import Label

VERBS: Mapping[Label, str] = {"memorized": "blocked", "similar": "flagged"}

NEVER = (
    "Default thresholds apply: this index was never calibrated, so nothing is promised of how many "
    "novel images are {verb}."
)
DEFAULT = (
    "Too few novel images were measured to choose thresholds, so the defaults apply, tightened "
    "where one came closer."
)


def promise(calibration: Calibration | None, label: Label) -> str:
    """What is known of how many novel images get this label, in a few sentences.

    Args:
        calibration: of the index; None without one.
        label: "memorized" or "similar".
    """
    verb = VERBS[label]
    if calibration is None:
        return NEVER.format(verb=verb)
    point = calibration.operating_points()[label]
    seen, target = point.observed, percent(point.target)
    if not seen.total:
        return f"{DEFAULT} Nothing was measured, so nothing is promised."
    aim = f"At most {target} of novel images should be {verb}."
    if not point.calibrated:
        aim = f"{aim} {DEFAULT}"
    counted = f"Of {seen.total:,} that were measured, {seen.count:,} were {verb}"
    upper = f"at most {percent(seen.upper)} with {CONFIDENCE:.0%} confidence"
    evidence = f"These images show {PROVES[calibration.method]}."
    if point.status == "missed":
        return (
            f"{aim} That was missed: {counted[0].lower()}{counted[1:]} ({percent(seen.share)}). So "
            f"such a verdict alone is weaker evidence than it should be. {evidence}"
        )
    proof = f"proves it: {upper}" if point.status == "proven" else f"proves {upper}, not {target}"
    return f"{aim} {counted}, which {proof}. {evidence}"


def finds(calibration: Calibration | None) -> str:
    """How many copies these thresholds find: what a verdict that finds none is worth."""
    if calibration is None or not calibration.similar.recall:
        return "How many copies these thresholds find was never measured."
    recall = calibration.similar.mean_recall
    return (
        f"Of simulated copies (crops, recompressed, recoloured, mirrored ones and others), "
        f"{recall:.0%} were found when the thresholds were chosen."
    )
