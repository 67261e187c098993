"""Where a query shows a reference: local features, matched and aligned with OpenCV.

A crop, an inset or a turned copy shares no global layout with its reference, so hashes and pixel
distances fail. SIFT features (Lowe 2004) with the RootSIFT normalisation (Arandjelovic and
Zisserman 2012) match piece by piece, and RANSAC keeps the matches that one similarity transform
(shift, scale, turn) explains.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.verification import noise_level

EDGE = 224
"""Longer edge, in pixels, of the picture in which features are found."""
MOST_FEATURES = 300
"""The features of highest contrast that are kept: 300 x 132 bytes an image."""
CONTRAST = 0.02
"""OpenCV's `contrastThreshold`, half its default so that soft pictures have features too."""
RATIO = 0.85
"""Lowe's ratio: a match's distance over the distance to the second nearest feature."""
TOLERANCE = 4.0
"""RANSAC's reprojection tolerance in pixels of the reference's picture."""
NOISY = 6 / 255
"""Noise level from which a picture is smoothed before features are sought."""

COLUMNS_MIRRORED = np.arange(128).reshape(4, 4, 8)[::-1][..., -np.arange(8) % 8].reshape(-1)
"""A SIFT descriptor's bins as they stand in the mirror image."""


@dataclass(frozen=True)
class LocalFeatures:
    """The features of one picture.

    Attributes:
        points: where they lie, float32 (n, 2): x and y in pixels.
        descriptors: RootSIFT times 512, uint8 (n, 128).
        width: of the picture in pixels.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    width: int

    def mirrored(self) -> LocalFeatures:
        """The features of the mirror image, without finding them again."""
        points = self.points * (-1, 1) + (self.width - 1, 0)
        descriptors = self.descriptors[:, COLUMNS_MIRRORED]
        return LocalFeatures(points.astype(np.float32), descriptors, self.width)


@dataclass(frozen=True)
class Alignment:
    """A similarity transform from a query to a reference.

    Attributes:
        transform: float64 (2, 3), maps x, y of the query to x, y of the reference.
        inliers: how many matches it explains.
    """

    transform: NDArray[np.float64]
    inliers: int


@cache
def _sift() -> Any:
    return cv2.SIFT_create(nfeatures=MOST_FEATURES, contrastThreshold=CONTRAST)


def local_features(picture: NDArray[np.uint8]) -> LocalFeatures:
    """The features of an RGB picture, uint8 (h, w, 3); noise is smoothed first."""
    level = noise_level(picture.astype(np.float32) / 255)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    if level > NOISY:
        grey = cv2.GaussianBlur(grey, (0, 0), 1.2 if level < 2.5 * NOISY else 2.0)
    keypoints, histograms = _sift().detectAndCompute(grey, None)
    if not keypoints:
        empty = np.zeros((0, 128), dtype=np.uint8)
        return LocalFeatures(np.zeros((0, 2), dtype=np.float32), empty, picture.shape[1])
    strongest = np.argsort([-keypoint.response for keypoint in keypoints])[:MOST_FEATURES]
    points = np.array([keypoint.pt for keypoint in keypoints], dtype=np.float32)[strongest]
    share = histograms[strongest] / histograms[strongest].sum(axis=1, keepdims=True)
    descriptors = np.minimum(512 * np.sqrt(share), 255).astype(np.uint8)
    return LocalFeatures(points, descriptors, picture.shape[1])
