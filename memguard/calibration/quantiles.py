"""Thresholds from the tail of the negatives' distances.

A false-positive rate of 1e-3 lies at the edge of what a few thousand negatives show. Distances
have a least value, that of an image to itself, and near such an end the share of negatives within
a distance is a power of it, whatever their distribution (the Weibull case of extreme value theory:
Fisher and Tippett 1928; Gnedenko 1943). The power is estimated from the logarithms of the nearest
negatives, as Hill (1975) does, but by their median, which one odd negative cannot drag along.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from memguard.detection.signals import LEAST

Distances = Mapping[str, NDArray[np.float64]]
"""Signal name to one distance per query, float64 (n,); infinite where nothing was compared."""

TAIL, FEWEST_TAIL = 0.1, 30
"""The share of negatives that the tail is fitted to, and how many at least, if there are enough."""

CLOSEST = 1e-6
"""Smaller distances count as this one."""

QUANTA = 32
"""Parts into which the allowed rate is divided among the signals."""

DRAWN_IN = 0.9
"""What is left of the allowed rate where the fitted tails let too many of the negatives in."""


def tail_threshold(negatives: NDArray[np.float64], rate: float, least: float = 0.0) -> float:
    """The distance that a share ``rate`` of negatives is expected to stay within.

    Args:
        negatives: one distance per negative, float64 (n,).
        rate: in (0, 1), may be below 1 / n.
        least: the distance of an image to itself.

    Returns:
        Where negatives share a value, it is within the threshold only if all of them may be.
        Infinite below where no negative was compared.
    """
    if not len(negatives):
        return -np.inf
    ordered = np.sort(negatives)
    informative = int((ordered < ordered[-1]).sum())
    count = int(min(max(TAIL * len(ordered), FEWEST_TAIL), informative / 2))
    edge = ordered[min(count, len(ordered) - 1)]
    within = ordered[ordered < edge]
    share = len(within) / len(ordered)
    if rate >= share:
        first_beyond = ordered[int(rate * len(ordered))]
        within = ordered[(ordered < first_beyond) & np.isfinite(ordered)]
        if len(within):
            return float(within[-1])
        return float(np.nextafter(first_beyond, -np.inf)) if np.isfinite(first_beyond) else -np.inf
    reach = max(float(edge) - least, CLOSEST)
    logarithms = np.log(reach / np.maximum(within - least, CLOSEST))
    scale = float(np.median(logarithms)) / np.log(2)
    return least + reach * float((rate / share) ** scale)


def choose(negatives: Distances, copies: Distances, rate: float) -> dict[str, float]:
    """Thresholds that share out ``rate`` among the signals for the most recall.

    The signals' expected rates add up to at most ``rate``, so the rate of their union does not
    exceed it whatever their dependence (Bonferroni); nor do they flag more of these negatives.
    Shares start equal; parts of them are then moved to where they find more copies, as long as
    some move helps.

    Args:
        negatives: distances of novel images.
        copies: distances of simulated copies, of the same signals.
        rate: the union's allowed false-positive rate, in (0, 1). Where the distance of an image
            to itself is not 0, :data:`memguard.detection.signals.LEAST` has it.

    Returns:
        Signal name to threshold; signals that are given no share are absent.
    """
    allowed = rate
    while True:
        thresholds = _shared_out(negatives, copies, allowed)
        if not thresholds or flagged(negatives, thresholds).mean() <= rate:
            return thresholds
        allowed *= DRAWN_IN


def _shared_out(negatives: Distances, copies: Distances, rate: float) -> dict[str, float]:
    def limit(name: str, part: int) -> float:
        return tail_threshold(negatives[name], rate * part / QUANTA, LEAST.get(name, 0.0))

    names = list(negatives)
    parts = {name: QUANTA // len(names) for name in names}
    found = {
        name: [np.zeros(len(copies[name]), dtype=bool)]
        + [copies[name] <= limit(name, part) for part in range(1, QUANTA + 1)]
        for name in names
    }

    def recall(shares: Mapping[str, int]) -> float:
        hits = np.any([found[name][shares[name]] for name in names], axis=0)
        return float(hits.mean()) if len(hits) else 0.0

    best = recall(parts)
    while True:
        moves = [
            {**parts, give: parts[give] - step, take: parts[take] + step}
            for give in names
            for take in names
            for step in (1, parts[give])
            if give != take and 0 < step <= parts[give]
        ]
        scored = [(recall(move), i) for i, move in enumerate(moves)]
        top, i = max(scored, default=(best, 0))
        if top <= best:
            break
        best, parts = top, moves[i]
    thresholds = {name: limit(name, part) for name, part in parts.items() if part}
    return {name: value for name, value in thresholds.items() if np.isfinite(value)}


def flagged(distances: Distances, thresholds: Mapping[str, float]) -> NDArray[np.bool_]:
    """Which queries some signal flags, bool (n,)."""
    within = [distances[name] <= limit for name, limit in thresholds.items()]
    return np.asarray(np.any(within, axis=0), dtype=bool)
