"""What is known of one case once memguard has checked it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Observation:
    """What was measured of one case.

    Attributes:
        case: its name.
        shipped, default: label by the thresholds as shipped and by the default ones.
        distances: signal to the smallest distance to any candidate.
        first: file name of the reference that the verdict is about, or empty.
    """

    case: str
    shipped: str
    default: str
    distances: dict[str, float]
    first: str


def by_case(observations: Sequence[Observation]) -> Mapping[str, Observation]:
    return {one.case: one for one in observations}


def closest(settings: Iterable[Mapping[str, Observation]]) -> dict[str, dict[str, float]]:
    """Case to signal to the smallest distance in any setting, whose candidates differ."""
    found: dict[str, dict[str, float]] = {}
    for observations in settings:
        for case, one in observations.items():
            known = found.setdefault(case, {})
            for signal, distance in one.distances.items():
                known[signal] = min(distance, known.get(signal, inf))
    return found
