"""Whether calibration keeps its promised false-positive rate on negatives it has not seen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.detection.observation import Observations, with_role
from benchmarks.detection.score import (
    LABELS,
    Rule,
    allocated,
    columns,
    measurements,
    signal_types,
    uncontaminated,
)
from benchmarks.detection.splits import CLEAN
from memguard.calibration.operating_rules import OperatingRule, evaluate
from memguard.calibration.quantiles import flagged
from memguard.calibration.rates import Rate
from memguard.defaults import NEEDED_PER_RATE


@dataclass(frozen=True)
class Promise:
    """One split of one kind of picture: the promised rate and the observed one.

    Attributes:
        kind: of the pictures.
        seed: of the split.
        detector: the rule that was calibrated.
        target: the requested rate: the smallest that the number of negatives allows, or the
            library's default, for which its default thresholds apply.
        promised: the rate in the calibration's folds; its upper bound is the promise.
        observed: the rate on the test negatives.
        contaminated: negatives that were left out because they copy a reference.
    """

    kind: str
    seed: int
    detector: str
    target: float
    promised: Rate
    observed: Rate
    contaminated: int

    @property
    def is_kept(self) -> bool:
        """Whether the observed rate is within the promised bound."""
        return self.observed.share <= self.promised.upper

    @property
    def is_contradicted(self) -> bool:
        """Whether the observed rate exceeds that bound by more than chance explains, at 95 %."""
        return self.observed.lower > self.promised.upper


def promises(kind: str, seed: int, observations: Observations, rule: Rule) -> Iterator[Promise]:
    """Calibrate as memguard does, on one image of each source, and count flagged test negatives."""
    clean = without_transformed_negatives(observations)
    tests = columns(with_role(clean, "test"), rule)
    negatives = uncontaminated(clean, rule)
    measured = measurements(with_role(clean, "copy"), negatives, rule)
    default_rate = next(rate for rate, label in LABELS.items() if label == "memorized")
    for target in (NEEDED_PER_RATE / len(negatives), default_rate):
        thresholds, operating = evaluate(
            measured, OperatingRule("memorized", target, signal_types(rule))
        )
        hits = flagged(tests, thresholds)
        yield Promise(
            kind,
            seed,
            rule.name,
            round(target, 4),
            operating.observed,
            Rate.of(int(hits.sum()), len(hits)),
            len(with_role(clean, "calibration")) - len(negatives),
        )


def leave_one_out(splits: Sequence[Observations], rule: Rule, rate: float) -> dict[str, Any]:
    """False positives and recall by thresholds from leave-one-out, and from held-out negatives.

    Returns:
        JSON values; ``factor`` is the ratio of the two false-positive rates.
    """
    counts = {"leave-one-out": 0, "held-out": 0}
    found: dict[str, list[bool]] = {"leave-one-out": [], "held-out": []}
    total = 0
    for observations in splits:
        clean = without_transformed_negatives(observations)
        tests = columns(with_role(clean, "test"), rule)
        copies = columns(with_role(clean, "copy"), rule)
        total += len(with_role(clean, "test"))
        negatives_by_method = {
            "leave-one-out": with_role(clean, "leave-one-out"),
            "held-out": uncontaminated(clean, rule),
        }
        for method, negatives in negatives_by_method.items():
            thresholds = allocated(columns(negatives, rule), copies, rate)
            counts[method] += int(flagged(tests, thresholds).sum())
            found[method] += flagged(copies, thresholds).tolist()
    left, held = counts["leave-one-out"], counts["held-out"]
    return {
        "target": rate,
        "rule": rule.name,
        **{method: vars(Rate.of(count, total)) for method, count in counts.items()},
        "factor": round(left / held, 2) if held and left else None,
        "recall": {method: round(float(np.mean(hits)), 4) for method, hits in found.items()},
    }


def without_transformed_negatives(observations: Observations) -> Observations:
    """All copies, and other queries as they are."""
    return [one for one in observations if one.transform == CLEAN or one.role == "copy"]
