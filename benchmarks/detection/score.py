"""Recall and false-positive rates of rules, from measured distances.

Nothing here looks at an image, so rules are scored again in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.observation import Observation, Observations, with_role
from memguard.calibration.measurements import Distances, Measurements
from memguard.calibration.operating_rules import evaluate, operating_rules
from memguard.calibration.quantiles import allocate, flagged
from memguard.calibration.rates import Rate
from memguard.descriptors import weightless_descriptors
from memguard.descriptors.sscd import Sscd
from memguard.detection.signals import default_thresholds as library_defaults
from memguard.detection.signals import signal_table
from memguard.signal_type import SignalType
from memguard.verdict import Label
from memguard.vision.transforms import SIMULATED_COPIES

TABLE = signal_table([Sscd])
DEFAULTS = library_defaults(TABLE)
WEIGHTLESS = tuple(library_defaults(signal_table(weightless_descriptors())))
WITH_SSCD = tuple(DEFAULTS)


@dataclass(frozen=True)
class Rule:
    """Which signals decide, and which detector measures them."""

    name: str
    signals: tuple[str, ...]
    detector: str = "standard"


SINGLE_SIGNALS = (
    Rule("pHash 64", ("phash64",)),
    Rule("pHash 256", ("phash256",)),
    Rule("PDQ", ("pdq",)),
    Rule("pixel l2", ("l2",)),
    Rule("tiled l2", ("tiled_l2",)),
    Rule("pixels (16 px)", ("pixels",)),
    Rule("structure", ("structure",)),
    Rule("aligned structure", ("aligned_structure",)),
    Rule("structure and l2", ("structure_and_l2",)),
    Rule("local features", ("local_features",)),
    Rule("shared region", ("shared_region",)),
    Rule("SSCD", ("sscd",), "standard + sscd"),
    Rule("SSCD normalised", ("sscd_normalised",), "standard + sscd"),
    Rule("distilled SSCD", ("distilled",), "standard + sscd"),
)
"""Each for the query and its mirror image."""
PLAIN_UNION = Rule("PDQ or SSCD", ("pdq", "sscd"), "standard + sscd")
MEMGUARD = (
    Rule("memguard", WEIGHTLESS, "standard"),
    Rule("memguard thorough", WEIGHTLESS, "thorough"),
    Rule("memguard + SSCD", WITH_SSCD, "standard + sscd"),
    Rule("memguard + SSCD thorough", WITH_SSCD, "thorough + sscd"),
)
RULES = (*SINGLE_SIGNALS, PLAIN_UNION, *MEMGUARD)
TARGETS = (0.01, 0.001)
LABELS: Mapping[float, Label] = {0.01: "similar", 0.001: "memorized"}
"""What thresholds for a target rate decide."""

Mode = Literal["negatives", "default", "library"]
"""Where thresholds come from; see :func:`score`."""


def columns(observations: Observations, rule: Rule) -> Distances:
    """Signal to one distance for each observation, infinite where nothing was compared."""

    def distance(one: Observation, signal: str) -> float:
        if signal == "pdq":
            return one.pdq
        if signal == "distilled":
            return np.inf if one.distilled is None else one.distilled
        return one.distances[rule.detector].get(signal, np.inf)

    return {
        signal: np.array([distance(one, signal) for one in observations], dtype=np.float64)
        for signal in rule.signals
    }


def uncontaminated(observations: Observations, rule: Rule) -> list[Observation]:
    """The calibration negatives that, by memguard's judgement, copy no reference."""
    negatives = with_role(observations, "calibration")
    return [one for one in negatives if rule.detector not in one.contaminated_by]


def default_thresholds(label: Label, rule: Rule) -> dict[str, float]:
    """The library's thresholds for an index without a calibration."""
    limits = {name: getattr(DEFAULTS[name], label) for name in rule.signals}
    return {name: limit for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True)
class Score:
    """What one rule achieves at one target, over all splits.

    Attributes:
        rule: its name.
        target: the false-positive rate for which thresholds were chosen; or, where they were not
            chosen by the benchmark, their origin and their label.
        recall: transform to share of copies found, by thresholds that only copies of other
            pictures helped to choose.
        images, sources: test negatives flagged, counted by image and by source picture.
        thresholds: of each split.
    """

    rule: str
    target: float | str
    recall: dict[str, float]
    images: Rate
    sources: Rate
    thresholds: list[dict[str, float]]

    @property
    def mean(self) -> float:
        """The mean recall over all transforms."""
        return float(np.mean(list(self.recall.values())))


def score(
    splits: Sequence[Observations], rule: Rule, target: float, by: Mode = "negatives"
) -> Score:
    """Score a rule on several splits, each calibrated on its own negatives.

    Args:
        splits: the observations of each.
        rule: what decides.
        target: the false-positive rate.
        by: `"negatives"`: thresholds are chosen from the split's negatives; `"default"`: the
            library's defaults; `"library"`: the library calibrates, which with fewer than
            3 / target negatives means to tighten the defaults.
    """
    found: list[tuple[str, bool]] = []
    false: list[bool] = []
    false_sources: list[bool] = []
    thresholds = []
    for observations in splits:
        copies, tests = with_role(observations, "copy"), with_role(observations, "test")
        distances = columns(copies, rule)
        half = halves(copies)
        hits = np.zeros(len(copies), dtype=bool)
        for side in (0, 1):
            others = [one for one, own in zip(copies, half.tolist(), strict=True) if own != side]
            limits = thresholds_of(observations, others, rule, target, by)
            hits |= flagged(distances, limits) & (half == side)
        found += zip((one.transform for one in copies), hits.tolist(), strict=True)
        limits = thresholds_of(observations, copies, rule, target, by)
        thresholds.append(limits)
        wrong = flagged(columns(tests, rule), limits)
        false += wrong.tolist()
        by_source: dict[str, bool] = {}
        for one, hit in zip(tests, wrong.tolist(), strict=True):
            by_source[one.source] = by_source.get(one.source, False) or hit
        false_sources += by_source.values()
    return Score(
        rule.name,
        target if by == "negatives" else f"{by} {LABELS[target]}",
        {t: float(np.mean([hit for name, hit in found if name == t])) for t in SIMULATED_COPIES},
        Rate.of(sum(false), len(false)),
        Rate.of(sum(false_sources), len(false_sources)),
        thresholds,
    )


def thresholds_of(
    observations: Observations, copies: Observations, rule: Rule, target: float, by: Mode
) -> dict[str, float]:
    """A rule's thresholds on one split; `copies` may help to choose them. See :func:`score`."""
    negatives = uncontaminated(observations, rule)
    if by == "default":
        return default_thresholds(LABELS[target], rule)
    if by == "library":
        rates = {label: rate for rate, label in LABELS.items()}
        flag, block = operating_rules(signal_types(rule), rates["similar"], rates["memorized"])
        point = block if LABELS[target] == "memorized" else flag
        return evaluate(measurements(copies, negatives, rule), point)[0]
    choose_thresholds = allocated if rule in MEMGUARD else equal_tails
    return choose_thresholds(columns(negatives, rule), columns(copies, rule), target)


def measurements(copies: Observations, negatives: Observations, rule: Rule) -> Measurements:
    """Observations in the form that memguard's calibration takes."""
    return Measurements(
        negatives=columns(negatives, rule),
        simulated_copies=columns(copies, rule),
        transforms=tuple(one.transform for one in copies),
        method="held-out",
        blank=0,
        contaminated=(),
    )


def signal_types(rule: Rule) -> tuple[SignalType, ...]:
    """The signals of one of memguard's own rules."""
    return tuple(TABLE[name] for name in rule.signals)


def allocated(negatives: Distances, copies: Distances, rate: float) -> dict[str, float]:
    """memguard's thresholds for these negatives and simulated copies."""
    least = {name: TABLE[name].least for name in negatives}
    return allocate(negatives, copies, rate, least)


def equal_tails(negatives: Distances, _: Distances, rate: float) -> dict[str, float]:
    """The rivals' thresholds: as loose as the negatives allow, without a margin for chance.

    Each signal flags the same number of negatives, the largest with which the union keeps the rate.
    memguard extrapolates its own thresholds, so they are stricter: when it finds more copies, loose
    thresholds are not the reason.
    """
    ordered = {name: np.sort(values) for name, values in negatives.items()}
    count = len(next(iter(ordered.values())))
    chosen: dict[str, float] = {}
    for beyond in range(int(rate * count) + 1):
        limits = {
            name: float(np.nextafter(values[beyond], -np.inf)) for name, values in ordered.items()
        }
        if flagged(negatives, limits).mean() > rate:
            break
        chosen = limits
    return chosen


def halves(copies: Observations) -> NDArray[np.int64]:
    """0 or 1 for each copy, the same for all copies of one picture."""
    order = {source: i for i, source in enumerate(sorted({one.source for one in copies}))}
    return np.array([order[one.source] % 2 for one in copies], dtype=np.int64)
