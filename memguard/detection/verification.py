"""Verification: the exact comparison of a query with its candidates, on pixels."""

from __future__ import annotations

from collections.abc import Sequence

from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import picture_signals, relative_signals
from memguard.vision.picture import Picture


def verify(query: Picture, reference: Picture) -> dict[str, float]:
    """The distances between a view of a query and a reference, by picture signal."""
    pair = PicturePair(query, reference)
    return {signal.name: signal.measure(pair) for signal in picture_signals()}


def relate(candidates: Sequence[dict[str, float]]) -> None:
    """Add the relative signals to the distances of all verified candidates of one query."""
    if candidates:
        for signal in relative_signals():
            for distances, distance in zip(candidates, signal.measure(candidates), strict=True):
                distances[signal.name] = distance
