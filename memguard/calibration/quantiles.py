"""Thresholds from the lower tail of the negatives' distances.

A false-positive rate of 1e-3 lies at the edge of what a few thousand negatives show. Distances
have a least value, that of an image to itself. Near such an end the share of negatives within a
distance is a power of it for any distribution (the Weibull case of extreme value theory: Fisher and
Tippett 1928; Gnedenko 1943). The power is estimated from the logarithms of the nearest negatives,
as by Hill (1975), but by their median, which one outlier cannot move.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from memguard.calibration.measurements import Distances

TAIL_SHARE, LEAST_TAIL = 0.1, 30
"""The share of negatives that the tail is fitted to, and how many at least. Chosen by hand: 30 give
a median of 15 on each side."""

LEAST_DISTANCE = 1e-6
"""Distances are rounded up to this one, so that logarithms are finite."""

QUANTA = 32
"""Parts into which the allowed rate is divided among the signals. Chosen by hand: fine enough for
five signals."""

TIGHTENING = 0.9
"""Factor on the allowed rate where the fitted tails flag too many of the negatives."""


def tail_threshold(negatives: NDArray[np.float64], rate: float, least: float = 0.0) -> float:
    """The distance within which a share ``rate`` of negatives is expected.

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
    count = int(min(max(TAIL_SHARE * len(ordered), LEAST_TAIL), informative / 2))
    edge = ordered[min(count, len(ordered) - 1)]
    within = ordered[ordered < edge]
    share = len(within) / len(ordered)
    if rate >= share:
        first_beyond = ordered[int(rate * len(ordered))]
        within = ordered[(ordered < first_beyond) & np.isfinite(ordered)]
        if len(within):
            return float(within[-1])
        return float(np.nextafter(first_beyond, -np.inf)) if np.isfinite(first_beyond) else -np.inf
    reach = max(float(edge) - least, LEAST_DISTANCE)
    logarithms = np.log(reach / np.maximum(within - least, LEAST_DISTANCE))
    scale = float(np.median(logarithms)) / np.log(2)
    return least + reach * float((rate / share) ** scale)


def allocate(
    negatives: Distances,
    simulated_copies: Distances,
    rate: float,
    least: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Thresholds that allocate ``rate`` to the signals for the most recall.

    The signals' expected rates add up to at most ``rate``, so the rate of their union does not
    exceed it under any dependence (Bonferroni); nor do they flag more of these negatives. Shares
    start equal. Parts of them are then moved to where they find more copies, until no move helps.

    Args:
        negatives: distances of novel images.
        simulated_copies: distances of simulated copies, of the same signals.
        rate: the union's allowed false-positive rate, in (0, 1).
        least: signal name to the distance of an image to itself, where that is not 0.

    Returns:
        Signal name to threshold; signals without a share are absent.
    """
    allowed = rate
    while True:
        thresholds = _allocate(negatives, simulated_copies, allowed, least or {})
        if not thresholds or flagged(negatives, thresholds).mean() <= rate:
            return thresholds
        allowed *= TIGHTENING


def _allocate(
    negatives: Distances,
    simulated_copies: Distances,
    rate: float,
    least: Mapping[str, float],
) -> dict[str, float]:
    def limit(name: str, part: int) -> float:
        return tail_threshold(negatives[name], rate * part / QUANTA, least.get(name, 0.0))

    names = list(negatives)
    parts = {name: QUANTA // len(names) for name in names}
    found = {
        name: [np.zeros(len(simulated_copies[name]), dtype=bool)]
        + [simulated_copies[name] <= limit(name, part) for part in range(1, QUANTA + 1)]
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
    """Whether some signal is within its threshold, bool (n,)."""
    within = [distances[name] <= limit for name, limit in thresholds.items()]
    return np.asarray(np.any(within, axis=0), dtype=bool)
