"""Structure: a picture without its local mean, over its local contrast.

Two pictures' structure is compared by correlation, which ignores brightness and contrast; the
local mean takes flat backgrounds out of the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Edge, in pixels, of the squares that are correlated without alignment."""

LEAST_CONTRAST = 0.002
"""Structure with a smaller standard deviation (levels in [0, 1]) correlates with nothing."""

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Scale:
    """At what scale two pictures' structure is compared, in pixels of a square of SIDE.

    Attributes:
        blur: sigma of the Gaussian that takes noise and small displacements out; 0 for none.
        window: sigma of the Gaussian over which mean and contrast are local.
        floor: of the local contrast, as a share of the whole square's: keeps flat parts flat.
    """

    blur: float
    window: float
    floor: float


COARSE = Scale(blur=2, window=4, floor=0.5)


def structure(square: NDArray[np.float32], scale: Scale) -> NDArray[np.float32]:
    """Levels without noise, less their local mean, over their local contrast; length 1.

    The dot product of two such vectors is the correlation of the two pictures' structure. Local
    contrast normalisation lets weak texture inside an outline count as much as the outline.

    Args:
        square: levels in [0, 1], float32 (SIDE, SIDE, 3).
        scale: of what counts as structure.

    Returns:
        float32 (SIDE * SIDE * 3,); all 0 for a flat picture.
    """
    if scale.blur:
        square = cv2.GaussianBlur(square, (0, 0), scale.blur)
    detail = square - cv2.GaussianBlur(square, (0, 0), scale.window)
    detail = detail - detail.mean(axis=(0, 1))
    return contrast_normalised(detail, np.ones(square.shape[:2], np.float32), scale).reshape(-1)


def contrast_normalised(
    detail: NDArray[np.float32], mask: Plane, scale: Scale
) -> NDArray[np.float32]:
    """Detail over its local contrast within a mask, of length 1; all 0 where there is none.

    Args:
        detail: float32 (h, w, channels), 0 where the mask (h, w) is 0.
        mask: 1 where the detail counts, else 0.
        scale: its window and floor.
    """
    energy = np.square(detail).mean(axis=2)
    contrast = float(np.sqrt(energy.sum() / mask.sum()))
    if contrast < LEAST_CONTRAST:
        return np.zeros_like(detail)
    weight = np.maximum(cv2.GaussianBlur(mask, (0, 0), scale.window), 1e-3)
    local = np.sqrt(np.maximum(cv2.GaussianBlur(energy, (0, 0), scale.window) / weight, 0))
    detail = detail / (local + scale.floor * contrast)[..., None]
    return np.asarray(detail / np.linalg.norm(detail), dtype=np.float32)


def coarse_structure(square: NDArray[np.float32]) -> NDArray[np.float32]:
    """Colour structure from 1/32 of a square (`small_square`): survives noise and redrawing."""
    return structure(square, COARSE)


def small_square(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """An RGB picture, uint8 (h, w, 3), squeezed to float32 (SIDE, SIDE, 3) in [0, 1]."""
    square = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(square.astype(np.float32) / 255)


def correlation(left: Plane, right: Plane, mask: Plane) -> float:
    """Pearson's correlation of two planes (h, w) where the mask is 1; 0 if either is flat there."""
    count = mask.sum()
    left = (left - (left * mask).sum() / count) * mask
    right = (right - (right * mask).sum() / count) * mask
    spread = np.array([np.square(left).sum(), np.square(right).sum()])
    if (spread < count * LEAST_CONTRAST**2).any():
        return 0.0
    return float((left * right).sum() / np.sqrt(spread.prod()))
