"""What is known of one case once memguard has checked it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Observation:
    """What was measured of one case.

    Attributes:
        case: its name.
        shipped, default: label by the thresholds as shipped and by the default ones.
        distances: signal to the smallest distance to any candidate.
        nearest: signal to the name of that reference, without its ending.
    """

    case: str
    shipped: str
    default: str
    distances: dict[str, float]
    nearest: dict[str, str]


def by_case(observations: Sequence[Observation]) -> Mapping[str, Observation]:
    return {one.case: one for one in observations}
