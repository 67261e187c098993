"""Local features: SIFT points of a picture, their matches, and one vector that sums them up.

A crop, an inset or a turned copy shares no global layout with its reference, so hashes and pixel
distances fail; features match piece by piece. OpenCV finds SIFT features [1], normalised as
RootSIFT [2]. Their aggregate, VLAD [3], is one vector an image, for nearest-neighbour search.

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
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

EDGE = 224
"""Longer edge, in pixels, of a picture in which features are sought."""
MOST_FEATURES = 300
"""The features of highest contrast that are kept."""
CONTRAST = 0.005
"""OpenCV's `contrastThreshold`, an eighth of its default: soft pictures have features too."""
CENTRE = np.float32(0.5)
"""OpenCV gives the centre of the first pixel as 0; it lies half a pixel from the corner."""
RATIO = 0.85
"""Lowe's ratio: a match's distance over the distance to the second nearest feature."""
SUMMED_FEATURES = 200
"""The features of highest contrast that VLAD sums up."""

SLIGHT_NOISE, STRONG_NOISE = 6.0, 15.0
"""Noise levels (0 to 255) from which a picture is blurred by a sigma of 1.2 and of 2 pixels."""

MIRRORED_BINS = np.arange(128).reshape(4, 4, 8)[::-1][..., -np.arange(8) % 8].reshape(-1)
"""The bins of a SIFT descriptor in the order in which the mirror image has them."""


@dataclass(frozen=True)
class LocalFeatures:
    """The features of one picture, those of highest contrast first.

    Attributes:
        points: x and y in pixels from the upper left corner, float32 (n, 2).
        descriptors: RootSIFT times 512, uint8 (n, 128).
        width: of the picture in pixels.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    width: int

    def mirrored(self) -> LocalFeatures:
        """The features of the mirror image, without seeking them again."""
        points = self.points.copy()
        points[:, 0] = self.width - points[:, 0]
        return LocalFeatures(points, self.descriptors[:, MIRRORED_BINS], self.width)


def local_features(picture: NDArray[np.uint8]) -> LocalFeatures:
    """The features of an RGB picture, uint8 (h, w, 3), denoised and stretched in contrast."""
    grey = _clear(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
    keypoints, histograms = _sift().detectAndCompute(grey, None)
    if not keypoints:
        empty = np.zeros((0, 128), dtype=np.uint8)
        return LocalFeatures(np.zeros((0, 2), dtype=np.float32), empty, picture.shape[1])
    order = np.argsort([-keypoint.response for keypoint in keypoints], kind="stable")
    order = order[:MOST_FEATURES]
    points = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float32)[order] + CENTRE
    share = histograms[order] / np.maximum(histograms[order].sum(axis=1, keepdims=True), 1e-6)
    descriptors = np.minimum(512 * np.sqrt(share), 255).astype(np.uint8)
    return LocalFeatures(points, descriptors, picture.shape[1])


def matches(query: LocalFeatures, reference: LocalFeatures) -> NDArray[np.intp]:
    """Pairs of features that are each other's nearest and pass Lowe's ratio test.

    Returns:
        intp (m, 2): indices into the query's and the reference's features.
    """
    if len(query.points) < 2 or len(reference.points) < 2:
        return np.zeros((0, 2), dtype=np.intp)
    left = query.descriptors.astype(np.float32)
    right = reference.descriptors.astype(np.float32)
    squares = np.square(left).sum(axis=1)[:, None] + np.square(right).sum(axis=1)
    squares -= 2 * left @ right.T
    rows = np.arange(len(left))
    nearest = squares.argmin(axis=1)
    mutual = squares.argmin(axis=0)[nearest] == rows
    first = squares[rows, nearest]
    squares[rows, nearest] = np.inf
    kept = mutual & (first < RATIO**2 * squares.min(axis=1))
    return np.stack([rows[kept], nearest[kept]], axis=1)


def vlad(features: LocalFeatures, codebook: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of the features' directions from their nearest centroids, square-rooted, length 1.

    Args:
        features: of one picture.
        codebook: centroids of RootSIFT descriptors of length 1, float32 (k, 128).

    Returns:
        float32 (128 k,) of length 1; all 0 for a picture without features.
    """
    sums = np.zeros_like(codebook)
    descriptors = unit_descriptors(features)[:SUMMED_FEATURES]
    nearest = (2 * descriptors @ codebook.T - np.square(codebook).sum(axis=1)).argmax(axis=1)
    directions = descriptors - codebook[nearest]
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-6)
    np.add.at(sums, nearest, directions)
    rooted = np.sign(sums) * np.sqrt(np.abs(sums))
    return np.asarray(rooted.reshape(-1) / max(float(np.linalg.norm(rooted)), 1e-6))


def unit_descriptors(features: LocalFeatures) -> NDArray[np.float32]:
    """RootSIFT descriptors of length 1, float32 (n, 128)."""
    descriptors = features.descriptors.astype(np.float32)
    lengths = np.linalg.norm(descriptors, axis=1, keepdims=True)
    return np.asarray(descriptors / np.maximum(lengths, 1e-6))


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
    if level > SLIGHT_NOISE:
        grey = cv2.GaussianBlur(grey, (0, 0), 1.2 if level < STRONG_NOISE else 2.0)
    darkest, brightest = np.percentile(grey, [1, 99])
    stretched = (grey.astype(np.float32) - darkest) * (255 / max(brightest - darkest, 20))
    return np.asarray(np.clip(stretched, 0, 255).astype(np.uint8))


@cache
def _sift() -> Any:
    return cv2.SIFT.create(
        nfeatures=MOST_FEATURES,
        nOctaveLayers=3,
        contrastThreshold=CONTRAST,
        edgeThreshold=10,
        sigma=1.6,
        enable_precise_upscale=True,
    )
