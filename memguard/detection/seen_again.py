"""What a query shows of a reference, and where: by their alignment, or by their whole structure."""

from __future__ import annotations

import math

import numpy as np

from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import ALIKE_STRUCTURE
from memguard.detection.views import in_query, view_of
from memguard.verdict import Corners, Match, Region, View
from memguard.vision.alignment import TRUSTED_INLIERS
from memguard.vision.picture import Picture
from memguard.vision.polygons import UNIT_SQUARE, Points, area, overlap
from memguard.vision.shared_region import SharedRegion

CERTAIN_DEVIATIONS = 8.0
"""Deviations of a region that is no chance. Of 319 regions of unrelated pictures (25 novel
generations, 60 references of benchmarks/real) the largest had 6.7; of 30 copies and templates
there, the smallest had 9.9."""

CERTAIN_SURPRISE = 4.0
"""Surprise of an alignment that is no chance: its region is none either. Of those 319 pairs, none
had more than 2."""

CORNER_DIGITS = 3
"""Decimal places of a corner: a quarter of a pixel of a thumbnail."""


def region_seen_again(query: Picture, match: Match, reference: Picture) -> Region | None:
    """What a query shows of a reference, None where nothing tells.

    A shared region of a trusted alignment comes first: of a template copy it is the part that is
    repeated. Then the whole of both pictures, if their structure is alike. Then the shared region
    of an alignment by few points.

    Args:
        query: the query as it is.
        match: the reference's distances, and the view that came closest.
        reference: its picture.
    """
    seen = view_of(query, match.view)
    if seen is None:
        return None
    pair = PicturePair(seen, reference)
    found = certain_region(pair)
    trusted = pair.alignment is not None and pair.alignment.inliers >= TRUSTED_INLIERS
    if match.distances.get("structure", math.inf) <= ALIKE_STRUCTURE and not (found and trusted):
        return _region(UNIT_SQUARE, UNIT_SQUARE, query, match.view)
    if found is None:
        return None
    left, top, right, bottom = found.box
    outline = found.outline.round(CORNER_DIGITS)
    corner, across, down = outline[0], outline[1], outline[3]
    edges = np.stack([across - corner, down - corner])
    if abs(np.linalg.det(edges)) < np.finfo(np.float32).eps:
        return None
    shown = overlap(outline, UNIT_SQUARE)
    within = (shown - corner) @ np.linalg.inv(edges)
    known = (left, top) + within * (right - left, bottom - top)
    return _region(known, shown, query, match.view)


def certain_region(pair: PicturePair) -> SharedRegion | None:
    """The shared region of a pair, if it is no chance."""
    found = pair.shared_region
    if found is None or pair.alignment is None:
        return None
    certain = found.deviations >= CERTAIN_DEVIATIONS or pair.alignment.surprise >= CERTAIN_SURPRISE
    return found if certain else None


def _region(reference: Points, shown: Points, query: Picture, view: View) -> Region | None:
    """An outline in the reference and the same in a view of the query."""
    if area(shown) == 0:
        return None
    reference = np.clip(reference, 0, 1)
    placed = np.clip(in_query(shown, view, query), 0, 1)
    return Region(
        _corners(reference),
        _corners(placed),
        min(area(reference), 1.0),
        min(area(placed), 1.0),
    )


def _corners(points: Points) -> Corners:
    return tuple((x, y) for x, y in (points + 0.0).tolist())  # no -0.0
