"""Drift: what a guard sees, compared with what its calibration promised.

Two things are tested while images are checked. The share that is flagged, and that is blocked,
against the promised false-positive rate: by the exact binomial tail, as rates of novel images can
only be exceeded by copies or by images unlike the negatives. The distances of each deciding signal
against those of the negatives: by the two-sample test of Kolmogorov and Smirnov.

A stream that is tested again and again exceeds any fixed level at last. So it is tested at few
*looks*, after 100, 200, 400 ... images of a window, and look number k of all has the level
``ALPHA / (k (k + 1))``, shared by the tests: these levels sum up to ALPHA over any number of looks
(the union bound; an alpha-spending sequence).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc, kolmogorov

from memguard.calibration.measurements import Measurements
from memguard.calibration.result import Calibration, OperatingPoint
from memguard.verdict import Label, Verdict

ALPHA = 0.01
"""Probability that a guard whose images are like the negatives ever reports a drift."""

FIRST_LOOK = 100
"""Images of a window before the first look."""

WINDOW = 6400
"""Images of a window; then the next begins, so that a late drift is not diluted. A multiple of
FIRST_LOOK by a power of 2. Chosen by hand."""

LEAST_KS = 0.15
"""Least difference of two distributions that is worth a word, as the largest difference of their
cumulative shares. Chosen by hand: among many images, any difference is significant."""

FEWEST_NEGATIVES = 100
"""Negatives that distances are compared with, at least. Chosen by hand."""

COUNTED: Mapping[str, tuple[Label, ...]] = {
    "flagged": ("similar", "memorized"),
    "blocked": ("memorized",),
}
"""The labels that are counted against each operating point."""

COMPARED: tuple[Label, ...] = ("clear", "similar", "memorized")
"""The labels of images that were compared with the index."""


@dataclass(frozen=True)
class Drift:
    """A difference that chance does not explain.

    Attributes:
        what: ``flagged``, ``blocked``, or a signal's name.
        images: images of the window so far.
        p: the probability of such a difference, were there none; two-sided for distances.
        text: one plain sentence.
    """

    what: str
    images: int
    p: float
    text: str


class DriftTest:
    """Tests a stream of verdicts; reports each kind of drift once.

    Args:
        calibration: what was promised.
        measured: the distances of the negatives; None where they are not known.
    """

    def __init__(self, calibration: Calibration, measured: Measurements | None) -> None:
        points = {"flagged": calibration.similar, "blocked": calibration.memorized}
        self._promised = {what: promised_rate(point) for what, point in points.items()}
        self._negatives = _comparable(calibration, measured)
        self._tests = len(self._promised) + len(self._negatives)
        self._looks = 0
        self._reported: set[str] = set()
        self._restart()

    def add(self, verdict: Verdict) -> list[Drift]:
        """Count a verdict on an image; what drifts, where this was a look that found it."""
        if verdict.label not in COMPARED:
            return []
        self._images += 1
        for what, labels in COUNTED.items():
            self._counts[what] += verdict.label in labels
        known = {signal.name: signal.distance for signal in verdict.signals}
        for name, distances in self._distances.items():
            distances.append(known.get(name, math.inf))
        if self._images < self._next_look:
            return []
        found = self._look()
        self._next_look *= 2
        if self._images == WINDOW:
            self._restart()
        return found

    def _restart(self) -> None:
        self._images = 0
        self._next_look = FIRST_LOOK
        self._counts = dict.fromkeys(COUNTED, 0)
        self._distances: dict[str, list[float]] = {name: [] for name in self._negatives}

    def _look(self) -> list[Drift]:
        self._looks += 1
        level = ALPHA / (self._looks * (self._looks + 1)) / self._tests
        found = [self._rate(what) for what in COUNTED if what not in self._reported] + [
            self._distribution(name) for name in self._negatives if name not in self._reported
        ]
        significant = [one for one in found if one is not None and one.p <= level]
        self._reported.update(one.what for one in significant)
        return significant

    def _rate(self, what: str) -> Drift:
        count, rate = self._counts[what], self._promised[what]
        p = binomial_tail(count, self._images, rate)
        return Drift(
            what,
            self._images,
            p,
            f"{count} of the last {self._images} images were {what} "
            f"({count / self._images:.2%}); the calibration promised at most {rate:.2%} of novel "
            f"images (p = {p:.1g})",
        )

    def _distribution(self, name: str) -> Drift | None:
        live, negatives = np.array(self._distances[name]), self._negatives[name]
        difference, nearer = ks_difference(live, negatives)
        if difference < LEAST_KS:
            return None
        p = ks_tail(difference, len(live), len(negatives))
        side = "nearer to" if nearer else "farther from"
        return Drift(
            name,
            self._images,
            p,
            f"the last {self._images} images are {side} the training set by {name} than the "
            f"{len(negatives)} negatives of the calibration were: at one distance, the shares "
            f"within it differ by {difference:.0%} (p = {p:.1g})",
        )


def promised_rate(point: OperatingPoint) -> float:
    """The false-positive rate that an operating point promises: its target, or the bound on what
    was observed where that does not prove the target."""
    return point.target if point.calibrated else max(point.target, point.observed.upper)


def binomial_tail(count: int, total: int, rate: float) -> float:
    """The probability of ``count`` or more of ``total`` at this rate, exactly: the regularised
    incomplete beta function (Clopper and Pearson 1934)."""
    return float(betainc(count, total - count + 1, rate)) if count else 1.0


def ks_difference(
    live: np.ndarray[tuple[int], np.dtype[np.float64]],
    negatives: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> tuple[float, bool]:
    """The largest difference of two cumulative distributions, infinite values included; and whether
    it is the first that has more small values."""
    values = np.unique(np.concatenate([live, negatives]))
    shares = [
        np.searchsorted(np.sort(sample), values, side="right") / len(sample)
        for sample in (live, negatives)
    ]
    difference = shares[0] - shares[1]
    largest = int(np.argmax(np.abs(difference)))
    return float(abs(difference[largest])), bool(difference[largest] > 0)


def ks_tail(difference: float, first: int, second: int) -> float:
    """The probability of such a difference between two samples of one distribution, by the limit of
    Kolmogorov and Smirnov; too large rather than too small for samples of 100 and for ties."""
    return float(kolmogorov(difference * math.sqrt(first * second / (first + second))))


def _comparable(
    calibration: Calibration, measured: Measurements | None
) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """The distances of the negatives in each deciding signal. None by leave-one-out: those are
    distances between training images, and promise nothing of generated ones."""
    if measured is None or measured.method == "leave-one-out":
        return {}
    return {
        name: np.asarray(measured.negatives[name], np.float64)
        for name in calibration.thresholds
        if len(measured.negatives.get(name, ())) >= FEWEST_NEGATIVES
    }


def drifts(test: DriftTest, verdicts: Sequence[Verdict]) -> list[Drift]:
    """Count verdicts; all that drifts."""
    return [drift for verdict in verdicts for drift in test.add(verdict)]
