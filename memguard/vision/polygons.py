"""Convex polygons: their area, and where two overlap.

OpenCV's ``intersectConvexConvex`` loses half of two polygons whose edges almost coincide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""Corners x, y in order around the polygon, float64 (n, 2)."""

UNIT_SQUARE: Points = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float64)
"""A whole picture, in shares of its edges."""


def overlap(left: Points, right: Points) -> Points:
    """The corners of two convex polygons' overlap, in the order of the left one's; (0, 2) without.

    Each edge of the right one cuts off what lies beyond it (Sutherland and Hodgman 1974,
    "Reentrant Polygon Clipping").
    """
    inwards = 1.0 if _signed_area(right) > 0 else -1.0
    for start, end in zip(right, np.roll(right, -1, axis=0), strict=True):
        inside = inwards * _cross(end - start, left - start)
        kept: list[Points] = []
        for i in range(len(left)):
            before, after = inside[i - 1], inside[i]
            if (before < 0) != (after < 0):
                kept.append(left[i - 1] + before / (before - after) * (left[i] - left[i - 1]))
            if after >= 0:
                kept.append(left[i])
        left = np.array(kept).reshape(-1, 2)
    return left


def area(polygon: Points) -> float:
    """The area of a polygon, 0 upwards, in squares of its unit."""
    return abs(_signed_area(polygon))


def _signed_area(polygon: Points) -> float:
    """Positive if the corners turn from the x axis to the y axis."""
    return float(_cross(polygon, np.roll(polygon, -1, axis=0)).sum()) / 2


def _cross(left: Points, right: Points) -> NDArray[np.float64]:
    return np.asarray(left[..., 0] * right[..., 1] - left[..., 1] * right[..., 0])
