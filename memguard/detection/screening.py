"""Screening: the evidence that can decide, of every candidate, without what cannot.

Most images are novel, and most of their candidates resemble them in no way that counts. Only
:class:`~memguard.detection.signals.CopyEvidence` and the distances of descriptors decide by
default. Their values are those of the full comparison; what adds nothing to them is not measured:

- Structure adds evidence below a distance of 0.5, structure and l2 together below 0.7. The stored
  layout bounds the distance from below (:mod:`memguard.vision.layout`), nearly always beyond that.
- The relative l2 of a near layout divides by the usual l2 of all candidates. A bound on that from
  the query and a few candidates mostly shows that it adds nothing. If not, all l2 are measured.

- Foregrounds, which raise the distance in structure, scale the evidence of the layout: they count
  where there is any.

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
    ForegroundDifference,
    RelativeL2,
    SharedRegion,
    Structure,
    StructureAndL2,
    added_evidence,
    picture_signals,
    relative_signals,
)
from memguard.detection.verification import number
from memguard.stages import stage
from memguard.vision.layout import least_distances
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import NEIGHBOURS

BEGINS = ADDED_EVIDENCE[StructureAndL2.name][1]
"""Distance in structure from which on nothing that includes it is evidence."""
CERTAINLY_NEAR = ADDED_EVIDENCE[Structure.name][1] / 2
"""Distance in structure within which the l2 is hardly ever so large that it adds nothing."""
ROUNDING = 1e-5
"""Added to a mean of float32 l2, as a share of it."""


def may_screen(deciding: Iterable[str]) -> bool:
    """Whether screening measures every signal of pictures among these."""
    of_pictures = {signal.name for signal in (*picture_signals(), *relative_signals())}
    return not of_pictures.intersection(deciding) - {CopyEvidence.name}


@stage("compare")
def screen(
    pairs: Sequence[PicturePair],
    described: Sequence[Mapping[str, float]],
    counts: Sequence[bool],
) -> list[dict[str, float]]:
    """The copy evidence of one query's candidates, and what it was computed from.

    Args:
        pairs: views of the query with their candidates.
        described: of each, the distances of its descriptors.
        counts: of each, whether it is not exempt; the usual l2 is that of those that count.

    Returns:
        By pair, signal to distance; ``copy_evidence`` equals that of the full comparison.

    Raises:
        ValueError: a signal that counts measured NaN.
    """
    found = [{SharedRegion.name: SharedRegion().measure(pair)} for pair in pairs]
    for measured, pair, least in zip(found, pairs, _least_structure(pairs), strict=True):
        if not least >= BEGINS:  # also if a damaged layout makes it NaN
            measured[Structure.name] = Structure().measure(pair)
    if not _add_nothing(found, pairs, all(counts)):
        for measured, pair in zip(found, pairs, strict=True):
            measured[L2.name] = L2().measure(pair)
        _relate(found)
        if not all(counts):
            _relate([measured for measured, one in zip(found, counts, strict=True) if one])
    for measured, pair, distances in zip(found, pairs, described, strict=True):
        if any(added_evidence({**distances, **measured}).values()):
            measured[ForegroundDifference.name] = ForegroundDifference().measure(pair)
        (evidence,) = CopyEvidence().measure([{**distances, **measured}])
        measured[CopyEvidence.name] = number(CopyEvidence.name, evidence)
    return found


def _relate(found: Sequence[dict[str, float]]) -> None:
    """Add the relative l2 of all, and structure and l2 together of the near ones."""
    for measured, relative in zip(found, RelativeL2().measure(found) if found else (), strict=True):
        measured[RelativeL2.name] = relative
        if Structure.name in measured:
            (measured[StructureAndL2.name],) = StructureAndL2().measure([measured])


def _add_nothing(
    found: Sequence[Mapping[str, float]], pairs: Sequence[PicturePair], all_count: bool
) -> bool:
    """Whether structure and l2 together are no evidence of any of the near candidates.

    Args:
        found: of each candidate, what was measured; the structure of near ones.
        pairs: all candidates, whose l2 is measured as far as it is needed.
        all_count: whether none is exempt.
    """
    structures = [measured.get(Structure.name, math.inf) for measured in found]
    if min(structures, default=math.inf) < CERTAINLY_NEAR:
        return False
    near = [
        (structure, L2().measure(pair))
        for structure, pair in zip(structures, pairs, strict=True)
        if structure != math.inf
    ]
    views = {id(pair.query): _most_l2(pair.query) for pair in _one_of_each_query(pairs)}
    most = np.array([views[id(pair.query)] for pair in pairs])
    if not all_count:
        most[:] = most.max(initial=0)

    def nothing() -> bool:
        usual = float(np.sort(most)[:NEIGHBOURS].mean()) * (1 + ROUNDING)
        return all(math.hypot(structure, l2 / usual) >= BEGINS for structure, l2 in near)

    if not near or nothing():
        return True
    order = sorted(range(len(pairs)), key=lambda at: "levels" not in vars(pairs[at].reference))
    for at in order if all_count else ():  # those first that are decoded already
        most[at] = L2().measure(pairs[at])
        if nothing():
            return True
    return False


def _one_of_each_query(pairs: Sequence[PicturePair]) -> list[PicturePair]:
    """A pair of each view."""
    return list({id(pair.query): pair for pair in pairs}.values())


def _most_l2(view: Picture) -> float:
    """The l2 of a view and the picture that is farthest from it."""
    return float(np.sqrt(np.square(np.maximum(view.square, 1 - view.square)).mean()))


def _least_structure(pairs: Sequence[PicturePair]) -> list[float]:
    """A lower bound on the distance in structure of each pair."""
    least = [0.0] * len(pairs)
    for one in _one_of_each_query(pairs):
        same = [i for i, pair in enumerate(pairs) if pair.query is one.query]
        bounds = least_distances(one.query.coarse, [pairs[i].reference.layout for i in same])
        for i, bound in zip(same, bounds.tolist(), strict=True):
            least[i] = bound
    return least
