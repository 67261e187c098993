"""Recognition of contaminated negatives: copies of a reference, and members of a series.

One such negative drives every threshold to zero. It is recognised by independent signals that
agree (:class:`memguard.signal_type.Witness`), then excluded and reported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from memguard.signal_type import Evidence, SignalType
from memguard.verdict import Match

CERTAIN_FEATURES, CERTAIN_STRUCTURE = -25, 0.2
"""Distances in ``local_features`` and ``aligned_structure`` that suffice together: far beyond the
limits of their witnesses. Chosen by hand with the default thresholds."""

SERIES = 8
"""The most other members of a series. Chosen by hand: a quarter of a query's candidates."""


def copied(matches: Sequence[Match], signals: Mapping[str, SignalType]) -> list[Match]:
    """The matches that the query copies, by these signals."""
    return [match for match in matches if is_copy(match.distances, signals)]


def unrelated(matches: Sequence[Match], signals: Mapping[str, SignalType]) -> list[Match]:
    """What a left-out reference resembles besides its copies and the other members of its series.

    Training sets hold versions, crops and several shots of one thing. Those are no evidence about
    novel images. They are the references within a default flag threshold, unless there are more
    than SERIES: such a reference shows the domain itself.

    Args:
        matches: what the reference resembles.
        signals: by name; those with default thresholds recognise the series.
    """
    others = [match for match in matches if not is_copy(match.distances, signals)]
    near = [_is_near(match, signals) for match in others]
    if sum(near) > SERIES:
        return others
    return [match for match, is_near in zip(others, near, strict=True) if not is_near]


def _is_near(match: Match, signals: Mapping[str, SignalType]) -> bool:
    return any(
        match.distances.get(name, math.inf) <= signal.default.similar
        for name, signal in signals.items()
        if signal.default is not None
    )


def is_copy(distances: Mapping[str, float], signals: Mapping[str, SignalType]) -> bool:
    """Whether independent signals agree that these are the distances of a copy.

    Evidence is of three kinds: layout, pieces and embedding. Two kinds make a copy, as do both
    signals of the layout, or many local features that agree on one alignment. Pieces count only
    if all their signals are close.

    Args:
        distances: by signal; a signal that was not measured is far.
        signals: by name; those with a witness take part.
    """

    def close(kind: Evidence) -> list[bool]:
        return [
            distances.get(name, math.inf) <= witness.limit
            for name, signal in signals.items()
            if (witness := signal.witness) is not None and witness.evidence == kind
        ]

    layout, pieces, embedding = close("layout"), close("pieces"), close("embedding")
    certain = (
        distances.get("local_features", math.inf) <= CERTAIN_FEATURES
        and distances.get("aligned_structure", math.inf) <= CERTAIN_STRUCTURE
    )
    kinds = any(layout) + (bool(pieces) and all(pieces)) + any(embedding)
    return certain or sum(layout) >= 2 or kinds >= 2
