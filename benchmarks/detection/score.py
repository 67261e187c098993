"""From measured distances to recall, false-positive rates, and whether promises were kept.

Nothing here measures an image: rules are scored again in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.measure import Row
from benchmarks.detection.splits import CLEAN
from memguard.calibration.calibrate import Rate, WorkingPoint, operate, working_points
from memguard.calibration.measurements import Measurements
from memguard.calibration.quantiles import Distances, choose, flagged
from memguard.defaults import NEEDED_PER_RATE
from memguard.detection.signals import DEFAULTS
from memguard.vision.transforms import SIMULATED_COPIES

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
POINT_RATES = {point: rate for rate, point in POINT.items()}

Rows = Sequence[Row]
Mode = Literal["negatives", "default", "library"]


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
        rule, target: the target is a rate, or how else thresholds were found and for which point.
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


def score(splits: Sequence[Rows], rule: Rule, target: float, by: Mode = "negatives") -> Score:
    """Score a rule on several splits, each calibrated on its own negatives.

    Args:
        splits: rows of each.
        rule: what decides.
        target: the false-positive rate.
        by: thresholds from the negatives; the library's "default" ones; or those of the
            "library"'s own calibration, which with fewer than 3 / target negatives draws in its
            defaults.
    """
    found: list[tuple[str, bool]] = []
    false: list[bool] = []
    false_sources: list[bool] = []
    thresholds = []
    for rows in splits:
        copies, tests = of(rows, "copy"), of(rows, "test")
        here = columns(copies, rule)
        half = halves(copies)
        hits = np.zeros(len(copies), dtype=bool)
        for side in (0, 1):
            others = [row for row, own in zip(copies, half.tolist(), strict=True) if own != side]
            limits = limits_of(rows, others, rule, target, by)
            hits |= flagged(here, limits) & (half == side)
        found += zip((row.transform for row in copies), hits.tolist(), strict=True)
        limits = limits_of(rows, copies, rule, target, by)
        thresholds.append(limits)
        wrong = flagged(columns(tests, rule), limits)
        false += wrong.tolist()
        by_source: dict[str, bool] = {}
        for row, hit in zip(tests, wrong.tolist(), strict=True):
            by_source[row.source] = by_source.get(row.source, False) or hit
        false_sources += by_source.values()
    return Score(
        rule.name,
        target if by == "negatives" else f"{by} {POINT[target]}",
        {t: float(np.mean([hit for name, hit in found if name == t])) for t in SIMULATED_COPIES},
        Rate.of(sum(false), len(false)),
        Rate.of(sum(false_sources), len(false_sources)),
        thresholds,
    )


def limits_of(rows: Rows, copies: Rows, rule: Rule, target: float, by: Mode) -> dict[str, float]:
    """Thresholds of a rule, some of them chosen with these copies' help; see `score`."""
    if by == "default":
        return defaults(POINT[target], rule)
    if by == "library":
        taken = measurements(copies, rule, kept(rows, rule))
        flag, block = working_points(rule.signals, **POINT_RATES)
        return operate(taken, block if POINT[target] == "memorized" else flag)[0]
    pick = choose if rule in MEMGUARD else equal_tails
    return pick(columns(kept(rows, rule), rule), columns(copies, rule), target)


def equal_tails(negatives: Distances, _: Distances, rate: float) -> dict[str, float]:
    """The rivals' thresholds: as loose as the negatives allow, with no allowance for chance.

    Each signal flags the same number of negatives, the most with which the union keeps the rate.
    memguard's own thresholds are extrapolated and so stricter: where they find more copies, it is
    not for being loose.
    """
    ordered = {name: np.sort(values) for name, values in negatives.items()}
    count = len(next(iter(ordered.values())))
    chosen: dict[str, float] = {}
    for beyond in range(int(rate * count) + 1):
        limits = {name: float(np.nextafter(row[beyond], -np.inf)) for name, row in ordered.items()}
        if flagged(negatives, limits).mean() > rate:
            break
        chosen = limits
    return chosen


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
        limits, operating = operate(measured, WorkingPoint("memorized", target, rule.signals))
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
    """Rate on test negatives, and recall, by thresholds from leave-one-out and from held-out."""
    counts = {"leave-one-out": 0, "held-out": 0}
    found: dict[str, list[bool]] = {"leave-one-out": [], "held-out": []}
    total = 0
    for rows in splits:
        clean = [row for row in rows if row.transform == CLEAN or row.role == "copy"]
        tests, copies = columns(of(clean, "test"), rule), columns(of(clean, "copy"), rule)
        total += len(of(clean, "test"))
        sides = {"leave-one-out": of(clean, "leave-one-out"), "held-out": kept(clean, rule)}
        for name, negatives in sides.items():
            limits = choose(columns(negatives, rule), copies, rate)
            counts[name] += int(flagged(tests, limits).sum())
            found[name] += flagged(copies, limits).tolist()
    left, held = counts["leave-one-out"], counts["held-out"]
    return {
        "target": rate,
        "rule": rule.name,
        **{name: vars(Rate.of(count, total)) for name, count in counts.items()},
        "factor": round(left / held, 2) if held and left else None,
        "recall": {name: round(float(np.mean(hits)), 4) for name, hits in found.items()},
    }
