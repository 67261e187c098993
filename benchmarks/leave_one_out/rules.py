"""The candidates: which pairs of references are evidence, and how they choose a threshold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from memguard.calibration.contamination import SERIES
from memguard.calibration.measurements import Measurements
from memguard.calibration.operating_rules import OperatingRule
from memguard.calibration.quantiles import tail_threshold
from memguard.defaults import MEMORIZED_RATE
from memguard.detection.signals import CopyEvidence

SIGNAL = CopyEvidence()
BLOCK, FLAG = -24.0, -16.0
"""Default thresholds of the signal that decides."""


@dataclass(frozen=True)
class Pair:
    """A reference that was left out, and one that it resembles.

    Attributes:
        left_out, other: ids.
        distance: of the signal that decides.
        is_copy: whether independent signals agree that one copies the other.
    """

    left_out: str
    other: str
    distance: float
    is_copy: bool


Pairs = Mapping[str, Sequence[Pair]]
"""Id of a left-out reference to what it resembles."""
Kept = Callable[[Pairs], Pairs]
Nearest = NDArray[np.float64]
"""The smallest distance of each left-out reference, float64 (n,)."""


def no_copies(pairs: Pairs) -> Pairs:
    """All but copies."""
    return {key: [one for one in many if not one.is_copy] for key, many in pairs.items()}


def no_clusters(pairs: Pairs) -> Pairs:
    """All but the members of its cluster, which the flag threshold joins."""
    links = [one for many in pairs.values() for one in many if one.is_copy or one.distance <= FLAG]
    names = sorted({name for one in _all(pairs) for name in (one.left_out, one.other)})
    place = {name: i for i, name in enumerate(names)}
    graph = coo_array(
        (
            np.ones(len(links)),
            ([place[one.left_out] for one in links], [place[one.other] for one in links]),
        ),
        shape=(len(names), len(names)),
    )
    _, cluster = connected_components(graph, directed=False)
    return {
        key: [one for one in many if cluster[place[one.left_out]] != cluster[place[one.other]]]
        for key, many in pairs.items()
    }


def no_series(pairs: Pairs) -> Pairs:
    """All but copies and up to eight others within the flag threshold."""
    found = {}
    for key, others in no_copies(pairs).items():
        far = [one for one in others if one.distance > FLAG]
        found[key] = far if len(others) - len(far) <= SERIES else others
    return found


def nearest(pairs: Pairs) -> Nearest:
    """The smallest distance of each left-out reference; infinite where nothing is compared."""
    return np.array(
        [min((one.distance for one in many), default=np.inf) for many in pairs.values()]
    )


def by_nearest(distances: Nearest) -> float:
    """The default, tightened until the nearest few agree with the rate."""
    return _by("held-out", distances)


def by_bulk(distances: Nearest) -> float:
    """The default, tightened where median and far quartile show a domain that is alike."""
    return _by("leave-one-out", distances)


def by_tail(distances: Nearest) -> float:
    """The fitted tail of the nearest distances, if it is stricter than the default."""
    return min(BLOCK, tail_threshold(distances, MEMORIZED_RATE, SIGNAL.least))


def _by(method: str, distances: Nearest) -> float:
    rule = OperatingRule("memorized", MEMORIZED_RATE, (SIGNAL,))
    measured = Measurements(
        negatives={SIGNAL.name: distances},
        simulated_copies={SIGNAL.name: np.empty(0)},
        transforms=(),
        method=method,  # type: ignore[arg-type]
        blank=0,
        contaminated=(),
    )
    return rule.thresholds(measured, measured.negatives)[SIGNAL.name]


CANDIDATES: Mapping[str, tuple[Kept, Callable[[Nearest], float]]] = {
    "the nearest few; copies left out": (no_copies, by_nearest),
    "a fitted tail; copies left out": (no_copies, by_tail),
    "the nearest few; clusters by the loosest relation left out": (no_clusters, by_nearest),
    "the nearest few; copies and series left out": (no_series, by_nearest),
    "the bulk; copies left out": (no_copies, by_bulk),
    "the bulk; copies and series left out (kept)": (no_series, by_bulk),
}
"""What chooses the threshold; which pairs of references it does not see."""


def _all(pairs: Pairs) -> Iterable[Pair]:
    return (one for many in pairs.values() for one in many)
