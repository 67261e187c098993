"""Structure: a picture without its local mean, over its local contrast.

Two pictures' structure is compared by correlation, which ignores brightness and contrast; the
local mean takes flat backgrounds out of the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.cached import cached_property

SIDE_PX = 64
"""Edge of the squares whose structure is compared."""

MIN_CONTRAST_STD = 0.002
"""Structure with a smaller standard deviation, in levels of 1, counts as none."""

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Scale:
    """The scale of structure, in pixels of a square of :data:`SIDE_PX`.

    Attributes:
        blur: sigma of the Gaussian that removes noise and small displacements; 0 for none.
        window: sigma of the Gaussian window of local mean and local contrast.
        floor: added to the local contrast, as a share of the whole square's; keeps flat parts
            flat.
    """

    blur: float
    window: float
    floor: float


COARSE = Scale(blur=2, window=4, floor=0.5)
"""Chosen on the photographs and drawings of benchmarks/detection."""


class Mask:
    """Where a comparison counts: 1 there and 0 elsewhere.

    Args:
        plane: float32 (h, w).
    """

    def __init__(self, plane: Plane) -> None:
        self.plane = plane
        self._weights: dict[float, Plane] = {}

    @cached_property
    def area(self) -> float:
        """Pixels inside."""
        return float(self.plane.sum())

    @cached_property
    def inside(self) -> NDArray[np.float32]:
        """The plane for each of three channels, float32 (h, w, 3)."""
        return _thrice(self.plane)

    def weight(self, sigma: float) -> Plane:
        """The share of a Gaussian window around each pixel that lies inside, at least 1e-3."""
        if sigma not in self._weights:
            blurred = cv2.GaussianBlur(self.plane, (0, 0), sigma)
            self._weights[sigma] = np.maximum(blurred, np.float32(1e-3))
        return self._weights[sigma]


def structure(square: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Blurred levels, less their local mean, over their local contrast, as a unit vector.

    The dot product of two such vectors is the correlation of the two pictures' structure. Local
    contrast normalisation gives weak texture inside an outline the weight of the outline.

    Args:
        square: levels in [0, 1], float32 (SIDE_PX, SIDE_PX, 3).
        scale: the scale of structure.

    Returns:
        float32 (SIDE_PX * SIDE_PX * 3,); all 0 for a flat picture.
    """
    if scale.blur:
        square = cv2.GaussianBlur(square, (0, 0), scale.blur)
    detail = square - cv2.GaussianBlur(square, (0, 0), scale.window)
    detail = cv2.subtract(detail, cv2.mean(detail))
    return contrast_normalised(detail, _whole(*square.shape[:2]), scale).reshape(-1)


@cache
def _whole(height: int, width: int) -> Mask:
    return Mask(np.ones((height, width), np.float32))


def masked_tones(square: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Levels (h, w, 3) blurred at the scale COARSE within a mask (h, w), 0 outside it."""
    return _local_mean(square * mask.inside, mask, COARSE.blur) * mask.inside


def masked_detail(tones: NDArray[np.float32], mask: Mask) -> NDArray[np.float32]:
    """Masked tones less their local mean at the scale COARSE, and less what remains of the mean."""
    detail = (tones - _local_mean(tones, mask, COARSE.window)) * mask.inside
    remains = np.array(cv2.mean(detail)[:3]) * (mask.plane.size / mask.area)
    return np.asarray(cv2.subtract(detail, (*remains, 0.0)) * mask.inside)


def contrast_normalised(
    detail: NDArray[np.float32], mask: Mask, scale: Scale
) -> NDArray[np.float32]:
    """Detail over its local contrast within a mask, as a unit vector; all 0 without contrast.

    Args:
        detail: float32 (h, w, 3), 0 where the mask (h, w) is 0.
        mask: where the detail counts.
        scale: its window and floor.
    """
    energy = cv2.transform(np.square(detail), np.full((1, 3), 1 / 3))
    contrast = float(np.sqrt(energy.sum() / mask.area))
    if contrast < MIN_CONTRAST_STD:
        return np.zeros_like(detail)
    local = cv2.GaussianBlur(energy, (0, 0), scale.window) / mask.weight(scale.window)
    local = np.sqrt(np.maximum(local, 0))
    detail = detail / _thrice(local + np.float32(scale.floor * contrast))
    return np.asarray(detail / np.float32(np.linalg.norm(detail)))


def _thrice(plane: Plane) -> NDArray[np.float32]:
    """A plane as a picture of three equal channels; NumPy's broadcasting takes 5 times as long."""
    return np.asarray(cv2.merge((plane, plane, plane)))


def coarse_structure(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour structure of a :func:`small_square` at the scale COARSE: survives noise, redrawing."""
    return structure(square, COARSE)


def small_square(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An RGB picture, uint8 (h, w, 3), as float32 (SIDE_PX, SIDE_PX, 3) in [0, 1]."""
    square = cv2.resize(picture, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(square.astype(np.float32) / 255)


def correlation(left: Plane, right: Plane, mask: Plane) -> float:
    """Pearson correlation of two planes (h, w) where the mask is 1; 0 if either is flat there."""
    count = mask.sum()
    left = (left - (left * mask).sum() / count) * mask
    right = (right - (right * mask).sum() / count) * mask
    spread = np.array([np.square(left).sum(), np.square(right).sum()])
    if (spread < count * MIN_CONTRAST_STD**2).any():
        return 0.0
    return float((left * right).sum() / np.sqrt(spread.prod()))


def _local_mean(masked: NDArray[np.float32], mask: Mask, sigma: float) -> NDArray[np.float32]:
    """Gaussian mean over the unmasked pixels of levels that are 0 elsewhere."""
    blurred = cv2.GaussianBlur(masked, (0, 0), sigma)
    return np.asarray(blurred / _thrice(mask.weight(sigma)))
