"""From measured distances to recall, false-positive rates, and whether promises were kept.

Nothing here measures an image: rules are scored again in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from measuring import Row
from numpy.typing import NDArray
from splits import CLEAN

from memguard.calibration import Rate, _operate
from memguard.defaults import NEEDED_PER_RATE
from memguard.measurements import Measurements
from memguard.tails import Distances, choose, flagged
from memguard.thresholds import DEFAULTS
from memguard.transforms import SIMULATED_COPIES

WEIGHTLESS = tuple(name for name in DEFAULTS if name not in ("sscd_normalised", "clip"))
WITH_SSCD = (*WEIGHTLESS, "sscd_normalised")


@dataclass(frozen=True)
class Rule:
    """Which signals decide, as which detector measured them."""

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
    Rule("fine structure", ("fine_structure",)),
    Rule("aligned structure", ("aligned_structure",)),
    Rule("local features", ("local_features",)),
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
POINT = {0.01: "similar", 0.001: "memorized"}

Rows = Sequence[Row]
Chooser = Callable[[Distances, Distances, float], dict[str, float]]


def columns(rows: Rows, rule: Rule) -> Distances:
    """Signal to one distance a row, infinite where nothing was compared."""

    def value(row: Row, signal: str) -> float:
        if signal in ("pdq", "distilled"):
            found = getattr(row, signal)
            return np.inf if found is None else found
        return row.distances[rule.detector].get(signal, np.inf)

    return {s: np.array([value(row, s) for row in rows], dtype=np.float64) for s in rule.signals}


def of(rows: Rows, role: str) -> list[Row]:
    return [row for row in rows if row.role == role]


def kept(rows: Rows, rule: Rule) -> list[Row]:
    """The calibration negatives that memguard does not set aside as copies."""
    return [row for row in of(rows, "calibration") if rule.detector not in row.copied]


def defaults(point: str, rule: Rule) -> dict[str, float]:
    """The library's thresholds for an index without a calibration."""
    limits = {name: getattr(DEFAULTS[name], point) for name in rule.signals}
    return {name: limit for name, limit in limits.items() if limit is not None}


@dataclass(frozen=True)
class Score:
    """What one rule is worth at one target, over all seeds.

    Attributes:
        rule, target: the target is a rate, or "default" and a working point of the library.
        recall: transform to share of copies found, judged by thresholds that other pictures'
            copies helped to choose.
        images, sources: test negatives flagged, counted by image and by source picture.
        thresholds: by seed.
    """

    rule: str
    target: float | str
    recall: dict[str, float]
    images: Rate
    sources: Rate
    thresholds: list[dict[str, float]]

    @property
    def mean(self) -> float:
        return float(np.mean(list(self.recall.values())))


def score(splits: Sequence[Rows], rule: Rule, target: float, default: bool = False) -> Score:
    """Score a rule on several splits, each calibrated on its own negatives."""
    found: list[tuple[str, bool]] = []
    false: list[bool] = []
    false_sources: list[bool] = []
    thresholds = []
    for rows in splits:
        copies, tests = of(rows, "copy"), of(rows, "test")
        negatives = columns(kept(rows, rule), rule)
        here = columns(copies, rule)
        half = halves(copies)

        def chosen(among: NDArray[np.bool_]) -> dict[str, float]:
            if default:
                return defaults(POINT[target], rule)
            part = {name: values[among] for name, values in here.items()}  # noqa: B023
            return choose(negatives, part, target)  # noqa: B023

        hits = np.zeros(len(copies), dtype=bool)
        for side in (0, 1):
            hits |= flagged(here, chosen(half != side)) & (half == side)
        found += zip((row.transform for row in copies), hits.tolist(), strict=True)
        limits = chosen(np.ones(len(copies), dtype=bool))
        thresholds.append(limits)
        wrong = flagged(columns(tests, rule), limits)
        false += wrong.tolist()
        by_source: dict[str, bool] = {}
        for row, hit in zip(tests, wrong.tolist(), strict=True):
            by_source[row.source] = by_source.get(row.source, False) or hit
        false_sources += by_source.values()
    return Score(
        rule.name,
        f"default {POINT[target]}" if default else target,
        {t: float(np.mean([hit for name, hit in found if name == t])) for t in SIMULATED_COPIES},
        Rate.of(sum(false), len(false)),
        Rate.of(sum(false_sources), len(false_sources)),
        thresholds,
    )


def halves(copies: Rows) -> NDArray[np.int64]:
    """0 or 1 for each copy, the same for all copies of one picture."""
    order = {source: i for i, source in enumerate(sorted({row.source for row in copies}))}
    return np.array([order[row.source] % 2 for row in copies], dtype=np.int64)


# ---- the promise of the calibration ----


@dataclass(frozen=True)
class Promise:
    """One split of one kind of picture: what calibration promised, and what came.

    Attributes:
        target: the rate asked for; the smallest that the number of negatives allows, or the
            library's default, for which its default thresholds apply.
        promised: the rate in the calibration's folds; its upper bound is the promise.
        observed: the rate on negatives that calibration has not seen.
    """

    kind: str
    seed: int
    detector: str
    target: float
    promised: Rate
    observed: Rate
    set_aside: int

    @property
    def is_kept(self) -> bool:
        return self.observed.share <= self.promised.upper

    @property
    def contradicted(self) -> bool:
        """Whether the two rates differ by more than chance, at 95 %."""
        return self.observed.lower > self.promised.upper


def promises(kind: str, seed: int, rows: Rows, rule: Rule) -> Iterable[Promise]:
    """Calibrate as memguard does, one image a source picture, and look at the test negatives."""
    clean = [row for row in rows if row.transform == CLEAN or row.role == "copy"]
    tests = columns(of(clean, "test"), rule)
    measured = measurements(clean, rule, kept(clean, rule))
    count = len(kept(clean, rule))
    for target in (NEEDED_PER_RATE / count, POINT_RATES["memorized"]):
        limits, operating = _operate(measured, target, rule.signals, "memorized")
        hits = flagged(tests, limits)
        yield Promise(
            kind,
            seed,
            rule.name,
            round(target, 4),
            operating.observed,
            Rate.of(int(hits.sum()), len(hits)),
            len(of(clean, "calibration")) - count,
        )


POINT_RATES = {point: rate for rate, point in POINT.items()}


def measurements(rows: Rows, rule: Rule, negatives: Rows) -> Measurements:
    """Rows in the form that memguard's calibration takes."""
    copies = of(rows, "copy")
    return Measurements(
        negatives=columns(negatives, rule),
        copies=columns(copies, rule),
        transforms=tuple(row.transform for row in copies),
        method="held-out",
        blank=0,
        set_aside=(),
    )


def leave_one_out(splits: Sequence[Rows], rule: Rule, rate: float) -> dict[str, Any]:
    """The rate on test negatives by thresholds from leave-one-out, and from held-out negatives."""
    counts = {"leave-one-out": 0, "held-out": 0}
    total = 0
    for rows in splits:
        clean = [row for row in rows if row.transform == CLEAN or row.role == "copy"]
        tests, copies = columns(of(clean, "test"), rule), columns(of(clean, "copy"), rule)
        total += len(of(clean, "test"))
        sides = {"leave-one-out": of(clean, "leave-one-out"), "held-out": kept(clean, rule)}
        for name, negatives in sides.items():
            limits = choose(columns(negatives, rule), copies, rate)
            counts[name] += int(flagged(tests, limits).sum())
    left, held = counts["leave-one-out"], counts["held-out"]
    return {
        "target": rate,
        "rule": rule.name,
        **{name: vars(Rate.of(count, total)) for name, count in counts.items()},
        "factor": round(left / held, 2) if held and left else None,
    }
