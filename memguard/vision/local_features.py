"""Local features: SIFT keypoints of a picture, their matches, and VLAD, their aggregate.

A crop, an inset or a rotated copy shares no global layout with its reference, so hashes and pixel
distances fail; features match piece by piece. OpenCV finds SIFT features [1], normalised as
RootSIFT [2]. Their aggregate, VLAD [3], is one vector per image, for nearest-neighbour search.

Constants without a source were chosen on the photographs and drawings of benchmarks/detection.

Sources:
    [1] Lowe 2004, "Distinctive Image Features from Scale-Invariant Keypoints".
    [2] Arandjelovic and Zisserman 2012, "Three things everyone should know to improve object
        retrieval".
    [3] Jegou et al. 2010, "Aggregating local descriptors into a compact image representation";
        the normalisations are those of Delhumeau et al. 2013, "Revisiting the VLAD image
        representation".
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.cached import cached_property

FEATURE_EDGE_PX = 256
"""Longer edge of the pictures in which local features are detected."""
MAX_FEATURES = 300
"""Features kept of a picture, those of highest contrast."""
CONTRAST_THRESHOLD = 0.005
"""OpenCV's ``contrastThreshold``, an eighth of its default: soft pictures have features too."""
LOWE_RATIO = 0.85
"""Largest distance of a match, as a share of the distance to the second nearest feature [1]."""
MAX_VLAD_FEATURES = 200
"""Features that VLAD aggregates, those of highest contrast."""

SLIGHT_NOISE_STD, STRONG_NOISE_STD = 6.0, 15.0
"""Standard deviations of noise, in levels of 255, from which a picture is blurred with a sigma of
1.2 and of 2 pixels."""

DIRECTIONS = 32
"""Principal directions of RootSIFT that a shortened descriptor keeps, a byte each: a quarter of
SIFT's size, and as good at matching (benchmarks/assets/local_feature_basis.py)."""
CENTROIDS = 64
"""Size of VLAD's codebook."""
LEVELS_PER_UNIT, ZERO_LEVEL = 200, 128
"""Quantisation of a shortened descriptor's components, within about +-0.6, to bytes."""
POINT_STEP_PX = 0.25
"""Precision of the stored points."""

BASIS_FILE = Path(__file__).with_name("local_features.npz")
"""Mean, principal directions and codebook, by benchmarks/assets/local_feature_basis.py."""

MIRRORED_BINS = np.arange(128).reshape(4, 4, 8)[::-1][..., -np.arange(8) % 8].reshape(-1)
"""The permutation of a SIFT descriptor's bins that mirroring the image causes."""

INVERTED_BINS = np.arange(128).reshape(4, 4, 8)[::-1, ::-1].reshape(-1)
"""The permutation that inverting the levels causes: gradients turn round, the keypoint's own
orientation with them, so that its window is turned by 180 degrees."""


@dataclass(frozen=True)
class LocalFeatures:
    """The features of one picture, by falling contrast.

    Attributes:
        points: x and y in pixels, float32 (n, 2).
        descriptors: shortened RootSIFT, uint8 (n, DIRECTIONS).
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    @cached_property
    def sought(self) -> NDArray[np.float32]:
        """The factor of a query in the product that :func:`matches` computes, float32 (n, 34).

        -2 a, 1 and the square of a, so that the product with :attr:`held` of b is the square of
        a - b: whole numbers below 2**24, exact in every order of additions.
        """
        levels = self.descriptors.astype(np.float32)
        ones = np.ones((len(levels), 1), np.float32)
        return np.hstack([-2 * levels, ones, np.square(levels).sum(axis=1, keepdims=True)])

    @cached_property
    def held(self) -> NDArray[np.float32]:
        """The factor of a reference, float32 (34, n): b, its square and 1."""
        levels = self.descriptors.astype(np.float32)
        ones = np.ones((len(levels), 1), np.float32)
        return np.hstack([levels, np.square(levels).sum(axis=1, keepdims=True), ones]).T

    def to_bytes(self) -> bytes:
        """At most 10.8 KB, for a record of the index."""
        points = np.rint(np.maximum(self.points, 0) / POINT_STEP_PX).astype("<u2")
        return points.tobytes() + self.descriptors.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> LocalFeatures:
        """The inverse of :meth:`to_bytes`, up to the precision of the points."""
        count = len(data) // (4 + DIRECTIONS)
        points = np.frombuffer(data, "<u2", 2 * count).reshape(-1, 2)
        descriptors = np.frombuffer(data, np.uint8, offset=4 * count).reshape(-1, DIRECTIONS)
        return cls(points.astype(np.float32) * np.float32(POINT_STEP_PX), descriptors)


NO_FEATURES = LocalFeatures(
    np.zeros((0, 2), dtype=np.float32), np.zeros((0, DIRECTIONS), dtype=np.uint8)
)
"""For a picture in which no features are needed."""


@dataclass(frozen=True)
class Basis:
    """The learned constants of shortened descriptors and of VLAD.

    Attributes:
        mean: of RootSIFT descriptors, float32 (128,).
        basis: their principal directions, float32 (DIRECTIONS, 128).
        centroids: VLAD's codebook, float32 (CENTROIDS, DIRECTIONS).
    """

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]
    centroids: NDArray[np.float32]


def local_features(
    picture: NDArray[np.uint8],
) -> tuple[LocalFeatures, LocalFeatures, LocalFeatures]:
    """The features of an RGB picture, uint8 (h, w, 3), of its mirror image, and of its negative.

    Noise is smoothed and contrast stretched first.
    """
    points, descriptors = _detect(picture)
    mirrored = points.copy()
    mirrored[:, 0] = picture.shape[1] - 1 - points[:, 0]
    return (
        LocalFeatures(points, _as_bytes(descriptors)),
        LocalFeatures(mirrored, _as_bytes(descriptors[:, MIRRORED_BINS])),
        LocalFeatures(points, _as_bytes(descriptors[:, INVERTED_BINS])),
    )


def rootsift(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """RootSIFT descriptors of a picture, unit vectors, float32 (n, 128), by falling contrast."""
    return _detect(picture)[1]


def shortened(
    descriptors: NDArray[np.float32], mean: NDArray[np.float32], basis: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Descriptors projected on the principal directions, float32 (n, DIRECTIONS)."""
    return np.asarray((descriptors - mean) @ basis.T, dtype=np.float32)


def _detect(picture: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    grey = _clear(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    keypoints, histograms = _sift().detectAndCompute(grey, None)
    if not keypoints:
        return np.zeros((0, 2), dtype=np.float32), np.zeros((0, 128), dtype=np.float32)
    order = np.argsort([-keypoint.response for keypoint in keypoints], kind="stable")
    order = order[:MAX_FEATURES]
    points = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float32)[order]
    share = histograms[order] / np.maximum(histograms[order].sum(axis=1, keepdims=True), 1e-6)
    return points, np.sqrt(share)


def _as_bytes(descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
    short = shortened(descriptors, basis().mean, basis().basis)
    levels = np.rint(short * LEVELS_PER_UNIT) + ZERO_LEVEL
    return np.asarray(np.clip(levels, 0, 255), dtype=np.uint8)


@cache
def basis() -> Basis:
    """The constants in :data:`BASIS_FILE`."""
    with np.load(BASIS_FILE) as arrays:
        return Basis(**{name: arrays[name].astype(np.float32) for name in arrays})


def matches(query: LocalFeatures, reference: LocalFeatures) -> NDArray[np.intp]:
    """Pairs of features that are each other's nearest and pass Lowe's ratio test.

    Returns:
        intp (m, 2): indices into the query's and the reference's features.
    """
    if len(query.points) < 2 or len(reference.points) < 2:
        return np.zeros((0, 2), dtype=np.intp)
    squares = query.sought @ reference.held
    rows = np.arange(len(squares))
    nearest = squares.argmin(axis=1)
    first = squares[rows, nearest]
    squares[rows, nearest] = np.inf
    clear = np.flatnonzero(first < LOWE_RATIO**2 * squares.min(axis=1))
    squares[rows, nearest] = first
    chosen = nearest[clear]
    mutual = squares[:, chosen].argmin(axis=0) == clear
    return np.stack([clear[mutual], chosen[mutual]], axis=1)


def vlad(features: LocalFeatures) -> NDArray[np.float32]:
    """VLAD: sums of the features' directions from their nearest centroids, square-rooted.

    Returns:
        a unit vector, float32 (CENTROIDS * DIRECTIONS,); all 0 for a picture without features.
    """
    centroids = basis().centroids
    sums = np.zeros_like(centroids)
    levels = features.descriptors[:MAX_VLAD_FEATURES].astype(np.float32) - ZERO_LEVEL
    descriptors = levels / LEVELS_PER_UNIT
    nearest = (2 * descriptors @ centroids.T - np.square(centroids).sum(axis=1)).argmax(axis=1)
    directions = descriptors - centroids[nearest]
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-6)
    np.add.at(sums, nearest, directions)
    rooted = np.sign(sums) * np.sqrt(np.abs(sums))
    return np.asarray(rooted.reshape(-1) / max(float(np.linalg.norm(rooted)), 1e-6))


def noise_level(grey: NDArray[np.uint8]) -> float:
    """The standard deviation of white noise in a grey picture, uint8 (h, w), in levels.

    Immerkaer 1996, "Fast Noise Variance Estimation": the mean magnitude of a filter that cancels
    constant and linear image structure.
    """
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)
    response = np.abs(cv2.filter2D(grey, cv2.CV_32F, kernel))
    return float(np.sqrt(np.pi / 2) / 6 * response.mean())


def _clear(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    level = noise_level(grey)
    if level > SLIGHT_NOISE_STD:
        grey = cv2.GaussianBlur(grey, (0, 0), 1.2 if level < STRONG_NOISE_STD else 2.0)
    darkest, brightest = np.percentile(grey, [1, 99])
    stretched = (grey.astype(np.float32) - darkest) * (255 / max(brightest - darkest, 20))
    return np.asarray(np.clip(stretched, 0, 255).astype(np.uint8))


@cache
def _sift() -> Any:
    return cv2.SIFT.create(
        nfeatures=MAX_FEATURES,
        nOctaveLayers=3,
        contrastThreshold=CONTRAST_THRESHOLD,
        edgeThreshold=10,
        sigma=1.6,
        enable_precise_upscale=True,
    )
