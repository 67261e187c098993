"""Alignment of a query with a reference, and their correlation where they overlap.

OpenCV's RANSAC finds the similarity transform (shift, scale, rotation) and the affine one (also
squeezed, mirrored, slanted) that explain most matches of local features. The one that chance
explains least is kept. The query is warped by it onto the reference, and both, less their local
mean, are correlated where they overlap.

How likely chance explains a transform is its number of false alarms: with m matches, of which k
agree on a transform that d of them determine, and a chance p that an unrelated match agrees,
(m - d) C(m, k) C(k, d) p^(k - d) (Moisan and Stival 2004, "A Probabilistic Criterion to Detect
Rigid Point Matches Between Two Images", section 3). A transform with more than one is dropped, as
they do: unrelated pictures have one as good on average.

Constants without a source were chosen on the photographs and drawings of benchmarks/detection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.local_features import FEATURE_EDGE_PX, LocalFeatures, matches
from memguard.vision.structure import Mask, Plane, correlation

EDGE_PX = 112
"""Longer edge of the grey pictures that are correlated after alignment."""
MIN_INLIERS = 4
"""Matches that must agree on a transform; any two, or three if it is affine, do."""
CHANCE = 2e-3
"""Chance that an unrelated match agrees: a disc of RANSAC_TOLERANCE_PX in a reference of 256 x 98
pixels; less in most, whose matches are not spread evenly."""
LEAST_SURPRISE = 0.0
"""Surprise of a transform that has one false alarm."""
LEAST_AFFINE, ENOUGH_SURPRISE = 6, 16.0
"""Matches from which on an affine transform is tried, and the surprise of a similarity transform
beyond which it is not."""
MOST_STRETCH = 4.0
"""Largest ratio of the two scales of an affine transform."""
CONFIDENCE = 0.995
"""Chance that RANSAC finds a transform that the fewest matches agree on."""
REFINEMENTS = 10
"""OpenCV's default."""
RANSAC_TOLERANCE_PX = 4.0
"""RANSAC's reprojection tolerance, in the reference's picture."""
SCALE_RANGE = (0.15, 6.0)
"""Smallest and largest scaling of a query onto a reference."""
SMALL_CHANGE = 0.15
"""A small transform's coefficients all differ by less from the identity's: a scaling by up to 15 %,
a rotation by up to 8 degrees, a shift by up to 15 % of the longer edge."""
TRUSTED_INLIERS = 8
"""Inliers below which an alignment may be chance: two flat corners correlate well."""
MIN_OVERLAP = 0.03
"""The share of the reference that the query must cover for their correlation to count."""


@dataclass(frozen=True)
class Alignment:
    """A transform from a query onto a reference.

    Attributes:
        transform: maps x, y in the query to x, y in the reference, float64 (2, 3), both measured
            in longer edges from the upper left corner.
        inliers: the number of distinct points that it maps onto their matches.
        surprise: minus the decimal logarithm of its number of false alarms, from
            :data:`LEAST_SURPRISE` upwards.
    """

    transform: NDArray[np.float64]
    inliers: int
    surprise: float

    @property
    def is_small(self) -> bool:
        """Whether it is a small shift, scaling and rotation with enough inliers."""
        far = np.abs(self.transform - np.eye(2, 3)).max()
        return self.inliers >= TRUSTED_INLIERS and bool(far < SMALL_CHANGE)


def align(query: LocalFeatures, reference: LocalFeatures) -> Alignment | None:
    """The transform that chance explains least; None if chance explains each.

    Both pictures have the longer edge :data:`~memguard.vision.local_features.FEATURE_EDGE_PX`.
    """
    pairs = matches(query, reference)
    if len(pairs) < MIN_INLIERS:
        return None
    here, there = query.points[pairs[:, 0]], reference.points[pairs[:, 1]]
    similar = _fitted(here, there, freedom=2)
    if len(pairs) < LEAST_AFFINE or (similar and similar.surprise > ENOUGH_SURPRISE):
        return similar
    affine = _fitted(here, there, freedom=3)
    return max(filter(None, [similar, affine]), key=lambda one: one.surprise, default=None)


def _fitted(
    here: NDArray[np.float32], there: NDArray[np.float32], freedom: int
) -> Alignment | None:
    """The transform, determined by ``freedom`` matches, that most matches agree on."""
    transform, flags = _ransac(here, there, freedom, refinements=0)
    if transform is None:
        return None
    agreeing = flags.ravel() != 0
    least = _fewest_inliers(len(here), freedom)
    if agreeing.sum() < least:
        return None
    inliers = min(_distinct(here[agreeing]), _distinct(there[agreeing]))
    if inliers < least:
        return None
    transform, _ = _ransac(here, there, freedom, REFINEMENTS)
    largest, smallest = _scales(transform)
    if (
        not SCALE_RANGE[0] < smallest <= largest < SCALE_RANGE[1]
        or largest > MOST_STRETCH * smallest
    ):
        return None
    surprise = -_log10_false_alarms(len(here), inliers, freedom)
    return Alignment(transform * np.array([1, 1, 1 / FEATURE_EDGE_PX]), inliers, surprise)


def _ransac(
    here: NDArray[np.float32], there: NDArray[np.float32], freedom: int, refinements: int
) -> tuple[Any, Any]:
    """OpenCV's transform, refined on the matches that agree, and which these are."""
    estimate = cv2.estimateAffinePartial2D if freedom == 2 else cv2.estimateAffine2D
    found: tuple[Any, Any] = estimate(
        here,
        there,
        method=cv2.RANSAC,
        ransacReprojThreshold=RANSAC_TOLERANCE_PX,
        maxIters=_most_samples(len(here), freedom),
        confidence=CONFIDENCE,
        refineIters=refinements,
    )
    return found


@cache
def _fewest_inliers(count: int, freedom: int) -> int:
    """The fewest of ``count`` matches on which a transform has less than one false alarm."""
    least = MIN_INLIERS
    while -_log10_false_alarms(count, least, freedom) < LEAST_SURPRISE:
        least += 1
    return least


@cache
def _most_samples(count: int, freedom: int) -> int:
    """Samples of which one, at that confidence, has inliers only, if there are just the fewest
    (Fischler and Bolles 1981, "Random Sample Consensus", section II).
    """
    only_inliers = (_fewest_inliers(count, freedom) / count) ** freedom
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-min(only_inliers, CONFIDENCE)))


def _log10_false_alarms(count: int, agreeing: int, freedom: int) -> float:
    """Decimal logarithm of the number of false alarms; see the module's docstring."""
    ways = _log10_choices(count, agreeing) + _log10_choices(agreeing, freedom)
    tests = math.log10(max(count - freedom, 1))
    return tests + ways + (agreeing - freedom) * math.log10(CHANCE)


def _log10_choices(count: int, chosen: int) -> float:
    """Decimal logarithm of the binomial coefficient."""
    logarithm = math.lgamma(count + 1) - math.lgamma(chosen + 1) - math.lgamma(count - chosen + 1)
    return logarithm / math.log(10)


def aligned_correlation(
    query: Plane, reference: Plane, transform: NDArray[np.float64]
) -> tuple[float, float]:
    """Correlate a query with a reference where the warped query covers it.

    Args:
        query: grey levels in [0, 1], float32 (h, w) with longer edge :data:`EDGE_PX`, by
            :func:`grey`.
        reference: the same of the reference.
        transform: that of an :class:`Alignment`.

    Returns:
        the correlation, -1 to 1 (0 where the query covers too little), and the share of the
        reference that the query covers, 0 to 1.
    """
    height, width = reference.shape
    matrix = transform * np.array([1, 1, EDGE_PX])
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    warped = cv2.warpAffine(query, matrix, (width, height))
    covered = cv2.warpAffine(np.ones_like(query), matrix, (width, height)) > 0.99
    mask = cv2.erode(covered.astype(np.float32), np.ones((3, 3)), borderValue=0)
    overlap = float(mask.mean())
    if overlap < MIN_OVERLAP:
        return 0.0, overlap
    inside = Mask(mask)
    return correlation(_detail(warped, inside), _detail(reference, inside), mask), overlap


def grey(picture: NDArray[np.uint8]) -> Plane:
    """An RGB picture, uint8 (h, w, 3), as grey levels in [0, 1], longer edge :data:`EDGE_PX`."""
    scale = EDGE_PX / max(picture.shape[:2])
    size = (
        max(8, round(picture.shape[1] * scale)),
        max(8, round(picture.shape[0] * scale)),
    )
    plane = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small.astype(np.float32) / 255)


def _detail(plane: Plane, mask: Mask, window: float = 5.0) -> Plane:
    """The plane minus its local mean over the unmasked pixels; 0 where masked."""
    mean = cv2.GaussianBlur(plane * mask.plane, (0, 0), window) / mask.weight(window)
    return np.asarray((plane - mean) * mask.plane, dtype=np.float32)


def _scales(transform: NDArray[np.float64]) -> tuple[float, float]:
    """The largest and the smallest scaling of a transform: its singular values."""
    (a, b), (c, d) = transform[:, :2].tolist()
    together, apart = math.hypot(a + d, c - b), math.hypot(a - d, c + b)
    return (together + apart) / 2, abs(together - apart) / 2


def _distinct(points: NDArray[np.float32]) -> int:
    """The number of points (n, 2), where those within about two pixels count once."""
    return len(set(map(tuple, np.round(points / 2).tolist())))
