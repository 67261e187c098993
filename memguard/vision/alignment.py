"""Where a query shows a reference, and how well the two agree there.

OpenCV's RANSAC finds the similarity transform (shift, scale, turn) that explains most matches of
local features; the query is warped by it onto the reference, and the *structure* of both (the
picture without its local mean) is correlated where they overlap. Correlation is blind to
brightness and contrast, and the local mean takes flat backgrounds out of the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.local_features import FEATURE_EDGE, LocalFeatures, matches
from memguard.vision.structure import Plane, correlation

EDGE = 112
"""Longer edge, in pixels, of the grey pictures that are correlated after alignment."""
FEWEST_INLIERS = 4
"""A similarity transform fits any two matches; fewer than this are no evidence."""
TOLERANCE = 4.0
"""RANSAC's reprojection tolerance in pixels of the reference's picture."""
SCALES = (0.15, 6.0)
"""The least and the most by which a query may be scaled onto a reference."""
SMALL = 0.15
"""A transform whose coefficients all differ by less from the identity's is small: a scaling by up
to 15 %, a turn of up to 8 degrees, a shift by up to 15 % of the longer edge."""
TRUSTED_INLIERS = 8
"""An alignment on which fewer features agree may be chance: two flat corners correlate well."""
LEAST_OVERLAP = 0.03
"""The share of the reference that must be seen for a correlation to count."""


@dataclass(frozen=True)
class Alignment:
    """A similarity transform from a query onto a reference.

    Attributes:
        transform: maps x, y in the query to x, y in the reference, float64 (2, 3), both measured
            in longer edges from the upper left corner.
        inliers: how many distinct points it maps onto their matches.
    """

    transform: NDArray[np.float64]
    inliers: int

    @property
    def is_small(self) -> bool:
        """Whether it is a slight shift, scaling and turn, backed by enough features."""
        far = np.abs(self.transform - np.eye(2, 3)).max()
        return self.inliers >= TRUSTED_INLIERS and bool(far < SMALL)


def align(query: LocalFeatures, reference: LocalFeatures) -> Alignment | None:
    """The similarity transform that explains most matches, if enough agree on one.

    Both pictures have the longer edge `FEATURE_EDGE`.
    """
    pairs = matches(query, reference)
    if len(pairs) < FEWEST_INLIERS:
        return None
    here, there = query.points[pairs[:, 0]], reference.points[pairs[:, 1]]
    transform, flags = cv2.estimateAffinePartial2D(
        here,
        there,
        method=cv2.RANSAC,
        ransacReprojThreshold=TOLERANCE,
        maxIters=1000,
        confidence=0.995,
    )
    if transform is None:
        return None
    agreeing = flags.ravel().astype(bool)
    inliers = min(_distinct(here[agreeing]), _distinct(there[agreeing]))
    transform = transform * np.array([1, 1, 1 / FEATURE_EDGE])
    scale = float(np.hypot(transform[0, 0], transform[1, 0]))
    if inliers < FEWEST_INLIERS or not SCALES[0] < scale < SCALES[1]:
        return None
    return Alignment(transform, inliers)


def aligned_correlation(
    query: Plane, reference: Plane, transform: NDArray[np.float64]
) -> tuple[float, float]:
    """Correlate structure where the warped query covers the reference.

    Args:
        query: grey levels in [0, 1], float32 (h, w) with longer edge `EDGE` (see `grey`).
        reference: the same of the reference.
        transform: of an `Alignment`.

    Returns:
        the correlation, -1 to 1 (0 where too little is seen), and the share of the reference that
        the query covers, 0 to 1.
    """
    height, width = reference.shape
    matrix = transform * np.array([1, 1, EDGE])
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    warped = cv2.warpAffine(query, matrix, (width, height))
    seen = cv2.warpAffine(np.ones_like(query), matrix, (width, height)) > 0.99
    mask = cv2.erode(seen.astype(np.float32), np.ones((3, 3)), borderValue=0)
    overlap = float(mask.mean())
    if overlap < LEAST_OVERLAP:
        return 0.0, overlap
    return correlation(_detail(warped, mask), _detail(reference, mask), mask), overlap


def grey(picture: NDArray[np.uint8]) -> Plane:
    """An RGB picture, uint8 (h, w, 3), as grey levels in [0, 1] with longer edge `EDGE`."""
    scale = EDGE / max(picture.shape[:2])
    size = (
        max(8, round(picture.shape[1] * scale)),
        max(8, round(picture.shape[0] * scale)),
    )
    plane = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small.astype(np.float32) / 255)


def _detail(plane: Plane, mask: Plane, window: float = 5.0) -> Plane:
    """The plane minus its local mean over the unmasked pixels; 0 where masked."""
    weight = cv2.GaussianBlur(mask, (0, 0), window)
    mean = cv2.GaussianBlur(plane * mask, (0, 0), window) / np.maximum(weight, 1e-3)
    return np.asarray((plane - mean) * mask, dtype=np.float32)


def _distinct(points: NDArray[np.float32]) -> int:
    """How many points (n, 2) remain when those within about two pixels count once."""
    return len(np.unique(np.round(points / 2), axis=0))
