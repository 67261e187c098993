"""Verification: the exact comparison of a query with its candidates, on pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence

from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import picture_signals, relative_signals
from memguard.stages import stage


@stage("compare")
def verify(pair: PicturePair) -> dict[str, float]:
    """The distances between a view of a query and a reference, by picture signal.

    Raises:
        ValueError: a signal measured NaN.
    """
    return {one.name: number(one.name, one.measure(pair)) for one in picture_signals()}


def relate(candidates: Sequence[dict[str, float]]) -> None:
    """Add the relative signals to the distances of all verified candidates of one query.

    Raises:
        ValueError: a signal measured NaN.
    """
    if candidates:
        for signal in relative_signals():
            for distances, distance in zip(candidates, signal.measure(candidates), strict=True):
                distances[signal.name] = number(signal.name, distance)


def number(signal: str, distance: float) -> float:
    """The distance as a plain float, for JSON; a package's signal may return NumPy's.

    Raises:
        ValueError: it is NaN. That is within no threshold, so it would let a copy pass.
    """
    if math.isnan(distance):
        raise ValueError(f"the signal {signal} measured NaN")
    return float(distance)
