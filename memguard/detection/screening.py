"""Screening: the evidence that can decide, of every candidate, without what cannot.

Most images are novel, and most of their candidates resemble them in no way that counts. Only
:class:`~memguard.detection.signals.CopyEvidence` and the distances of descriptors decide by
default. Their values are those of the full comparison; what adds nothing to them is not measured:

- Structure adds evidence below a distance of 0.5, structure and l2 together below 0.7. The stored
  layout bounds the distance from below (:mod:`memguard.vision.layout`), nearly always beyond that.
- The relative l2 of a near layout divides by the usual l2 of all candidates. A bound on that from
  the query alone mostly shows that it adds nothing. If not, all is compared in full.

So pixels are decoded only of references that local features align, and of a near layout.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import (
    ADDED_EVIDENCE,
    L2,
    CopyEvidence,
    SharedRegion,
    Structure,
    StructureAndL2,
    picture_signals,
    relative_signals,
)
from memguard.stages import stage
from memguard.vision.layout import least_distances

BEGINS = ADDED_EVIDENCE[StructureAndL2.name][1]
"""Distance in structure from which on nothing that includes it is evidence."""


def may_screen(deciding: Iterable[str]) -> bool:
    """Whether screening measures every signal of pictures among these."""
    of_pictures = {signal.name for signal in (*picture_signals(), *relative_signals())}
    return not of_pictures.intersection(deciding) - {CopyEvidence.name}


@stage("compare")
def screen(
    pairs: Sequence[PicturePair], described: Sequence[Mapping[str, float]]
) -> list[dict[str, float]] | None:
    """The copy evidence of one query's candidates, and what it was computed from.

    Args:
        pairs: views of the query with their candidates.
        described: of each, the distances of its descriptors.

    Returns:
        By pair, signal to distance; ``copy_evidence`` equals that of the full comparison. None if
        only the full comparison can tell.
    """
    usual = max((_most_l2(pair) for pair in _one_of_each_query(pairs)), default=0.0)
    found = []
    for pair, least, distances in zip(pairs, _least_structure(pairs), described, strict=True):
        measured = {SharedRegion.name: SharedRegion().measure(pair)}
        if not least >= BEGINS:  # also if a damaged layout makes it NaN
            structure = Structure().measure(pair)
            if math.hypot(structure, L2().measure(pair) / usual) < BEGINS:
                return None
            measured[Structure.name] = structure
        (evidence,) = CopyEvidence().measure([{**distances, **measured}])
        found.append({**measured, CopyEvidence.name: evidence})
    return found


def _one_of_each_query(pairs: Sequence[PicturePair]) -> list[PicturePair]:
    """A pair of each view."""
    return list({id(pair.query): pair for pair in pairs}.values())


def _most_l2(pair: PicturePair) -> float:
    """The l2 of a view and the picture that is farthest from it; above the usual one of any."""
    square = pair.query.square
    return float(np.sqrt(np.square(np.maximum(square, 1 - square)).mean()))


def _least_structure(pairs: Sequence[PicturePair]) -> list[float]:
    """A lower bound on the distance in structure of each pair."""
    least = [0.0] * len(pairs)
    for one in _one_of_each_query(pairs):
        same = [i for i, pair in enumerate(pairs) if pair.query is one.query]
        bounds = least_distances(one.query.coarse, [pairs[i].reference.layout for i in same])
        for i, bound in zip(same, bounds.tolist(), strict=True):
            least[i] = bound
    return least
