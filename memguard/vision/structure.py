"""Structure: a picture without its local mean, over its local contrast.

Two pictures' structure is compared by correlation, which ignores brightness and contrast; the
local mean takes flat backgrounds out of the comparison.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

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
    detail = detail - detail.mean(axis=(0, 1))
    return contrast_normalised(detail, np.ones(square.shape[:2], np.float32), scale).reshape(-1)


def masked_tones(square: NDArray[np.float32], mask: Plane) -> NDArray[np.float32]:
    """Levels (h, w, 3) blurred at the scale COARSE within a mask (h, w), 0 outside it."""
    return _local_mean(square, mask, COARSE.blur) * mask[..., None]


def masked_detail(tones: NDArray[np.float32], mask: Plane) -> NDArray[np.float32]:
    """Masked tones less their local mean at the scale COARSE, and less what remains of the mean."""
    detail = (tones - _local_mean(tones, mask, COARSE.window)) * mask[..., None]
    return np.asarray((detail - detail.sum(axis=(0, 1)) / mask.sum()) * mask[..., None])


def contrast_normalised(
    detail: NDArray[np.float32], mask: Plane, scale: Scale
) -> NDArray[np.float32]:
    """Detail over its local contrast within a mask, as a unit vector; all 0 without contrast.

    Args:
        detail: float32 (h, w, channels), 0 where the mask (h, w) is 0.
        mask: 1 where the detail counts, 0 elsewhere.
        scale: its window and floor.
    """
    energy = np.square(detail).mean(axis=2)
    contrast = float(np.sqrt(energy.sum() / mask.sum()))
    if contrast < MIN_CONTRAST_STD:
        return np.zeros_like(detail)
    weight = np.maximum(cv2.GaussianBlur(mask, (0, 0), scale.window), 1e-3)
    local = np.sqrt(np.maximum(cv2.GaussianBlur(energy, (0, 0), scale.window) / weight, 0))
    detail = detail / (local + scale.floor * contrast)[..., None]
    return np.asarray(detail / np.linalg.norm(detail), dtype=np.float32)


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


def _local_mean(square: NDArray[np.float32], mask: Plane, sigma: float) -> NDArray[np.float32]:
    """Gaussian mean over the unmasked pixels."""
    weight = np.maximum(cv2.GaussianBlur(mask, (0, 0), sigma), 1e-3)
    return np.asarray(cv2.GaussianBlur(square * mask[..., None], (0, 0), sigma) / weight[..., None])
