"""What lies inside an outline must agree as well: a kiwi and a cymbal on white share an outline.

Where a reference stands on a ground of one colour, its outline dominates every comparison of whole
pictures. The *interior* is the rest of the reference, less a rim; there, texture or tone must
agree with the query. Line drawings have no interior: their outline is what they show.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.structure import COARSE, Plane, contrast_normalised

SAME_COLOUR = 0.04
"""Levels (of 1) in each channel within which a pixel belongs to the ground."""
LEAST_BORDER = 0.5
"""The share of a reference's border that shows the ground; otherwise it has none."""
RIM = 2
"""Pixels taken off along the ground, of 64: there the outline shows."""
LEAST_INTERIOR = 0.05
"""The share of the reference that its interior must cover to be a witness."""
LEAST_TEXTURE = 0.01
"""The standard deviation, in levels of 1, of an interior's detail below which it counts as plain:
noise of sigma 60 (of 255) leaves 0.008 of itself at this scale."""
OTHER_TONE = 0.1
"""The l2 between plain interiors, in levels of 1, from which their tones differ for certain: two
thirds of what Carlini et al. (2023) take for a copy."""


@dataclass(frozen=True)
class Interior:
    """The inside of a reference.

    Attributes:
        mask: 1 inside and 0 elsewhere, float32 (h, w).
        tones: blurred levels, 0 outside, float32 (h, w, 3).
        texture: contrast-normalised detail of length 1 (or all 0), float32 (h, w, 3).
        plain: whether there is next to no texture, so that tones must tell.
    """

    mask: Plane
    tones: NDArray[np.float32]
    texture: NDArray[np.float32]
    plain: bool


def interior(square: NDArray[np.float32]) -> Interior | None:
    """The interior of a reference, if it stands on a ground of one colour.

    Args:
        square: levels in [0, 1], float32 (h, w, 3).
    """
    border = np.concatenate([square[0], square[-1], square[:, 0], square[:, -1]])
    ground = np.median(border, axis=0)
    if (np.abs(border - ground).max(axis=1) < SAME_COLOUR).mean() < LEAST_BORDER:
        return None
    inside = (np.abs(square - ground).max(axis=2) >= SAME_COLOUR).astype(np.float32)
    mask = cv2.erode(inside, np.ones((2 * RIM + 1, 2 * RIM + 1)), borderValue=1)
    if mask.mean() < LEAST_INTERIOR:
        return None
    tones = _tones(square, mask)
    detail = _detail(tones, mask)
    plain = np.square(detail).sum() < 3 * mask.sum() * LEAST_TEXTURE**2
    return Interior(mask, tones, contrast_normalised(detail, mask, COARSE), bool(plain))


def interior_distance(square: NDArray[np.float32], reference: Interior) -> float:
    """How much a query differs from a reference inside the latter's outline.

    Returns:
        0 (the texture agrees, or, where there is none, the tones do) to 1.
    """
    mask = reference.mask
    tones = _tones(square, mask)
    texture = contrast_normalised(_detail(tones, mask), mask, COARSE)
    distance = min(1 - float((texture * reference.texture).sum()), 1.0)
    if reference.plain:
        squares = np.square(tones - reference.tones).sum() / (3 * mask.sum())
        distance = min(distance, float(np.sqrt(squares)) / OTHER_TONE)
    return distance


def _tones(square: NDArray[np.float32], mask: Plane) -> NDArray[np.float32]:
    return _local_mean(square, mask, COARSE.blur) * mask[..., None]


def _detail(tones: NDArray[np.float32], mask: Plane) -> NDArray[np.float32]:
    detail = (tones - _local_mean(tones, mask, COARSE.window)) * mask[..., None]
    return np.asarray((detail - detail.sum(axis=(0, 1)) / mask.sum()) * mask[..., None])


def _local_mean(square: NDArray[np.float32], mask: Plane, sigma: float) -> NDArray[np.float32]:
    """Gaussian means over the unmasked pixels."""
    weight = np.maximum(cv2.GaussianBlur(mask, (0, 0), sigma), 1e-3)
    return np.asarray(cv2.GaussianBlur(square * mask[..., None], (0, 0), sigma) / weight[..., None])
