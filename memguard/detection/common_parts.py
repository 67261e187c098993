"""Parts that unlike references share: a logo is seen in many of them, and is a copy of none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from memguard.detection.signals import ADDED_EVIDENCE, ALIKE_STRUCTURE
from memguard.verdict import COMMON, Match, Region
from memguard.vision.alignment import align, aligned_correlation
from memguard.vision.picture import Picture
from memguard.vision.polygons import area, overlap

SMALL_PART = 0.25
"""Share of a reference below which a part may be a logo. Chosen by hand."""
SAME_PLACE = 0.25
"""Share of the smaller of two regions of a query that they must have in common. Chosen by hand: a
region consists of cells of its own alignment, and may be half of a logo."""
ALIKE_CORRELATION = 0.5
"""Correlation of two aligned pictures from which on more than a part of their overlap is alike.
Chosen by hand."""
UNLIKE_STRUCTURE = ADDED_EVIDENCE["structure"][1]
"""Distance in structure beyond which two pictures are unlike: there it begins to be evidence."""


def is_small_part(match: Match) -> bool:
    """Whether a query shows only a small part of a reference."""
    return (
        match.region is not None
        and match.region.share_of_reference < SMALL_PART
        and match.distances["structure"] > ALIKE_STRUCTURE
    )


def sharing(match: Match, others: Iterable[Match], pictures: Mapping[str, Picture]) -> int:
    """How many other references, unlike it and each other, show the same part of the query.

    Near-duplicates, mirror images, and crops of one picture count as one.

    Args:
        match: with a region.
        others: of the same query.
        pictures: by id, those of the match and of all others.

    Returns:
        0 to COMMON; more are not counted.
    """
    distinct = [pictures[match.id]]
    for other in others:
        if len(distinct) > COMMON:
            break
        if other.id == match.id or not _in_one_place(match.region, other.region):
            continue
        picture = pictures[other.id]
        if all(_unlike(picture, known) for known in distinct):
            distinct.append(picture)
    return len(distinct) - 1


def _in_one_place(one: Region | None, other: Region | None) -> bool:
    """Whether two regions lie over one another in the query."""
    if one is None or other is None:
        return False
    common = area(overlap(np.array(one.query), np.array(other.query)))
    return common >= SAME_PLACE * min(one.share_of_query, other.share_of_query)


def _unlike(one: Picture, other: Picture) -> bool:
    """Whether two references have no more than a small part in common, mirrored neither."""
    return not any(_alike(one, seen) for seen in (other, other.mirrored()))


def _alike(one: Picture, other: Picture) -> bool:
    """Whether two pictures agree as wholes, or in an overlap that is more than a small part."""
    if 1 - float(one.coarse @ other.coarse) <= UNLIKE_STRUCTURE:
        return True
    alignment = align(one.features, other.features)
    if alignment is None:
        return False
    correlation, covered = aligned_correlation(one.plane, other.plane, alignment.transform)
    return covered >= SMALL_PART and correlation >= ALIKE_CORRELATION
