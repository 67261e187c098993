"""Foreground: the part of a reference inside its outline, which must agree with the query too.

A kiwi and a cymbal on white share an outline. On a background of one colour, the outline dominates
every comparison of whole pictures. The foreground is the rest of the reference, less a rim along
the outline; there, the texture must agree. Where either has none, such as a plain ball or a copy
whose texture a model smoothed away, tones must agree. Line drawings have no foreground.

Constants without a source were chosen on the photographs and drawings of benchmarks/detection.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.structure import (
    COARSE,
    Mask,
    contrast_normalised,
    masked_detail,
    masked_tones,
)

BACKGROUND_TOLERANCE = 0.04
"""A pixel this close to the background's colour, in levels of 1 in each channel, belongs to it."""
MIN_BACKGROUND_BORDER = 0.5
"""The share of a reference's border that must be background."""
RIM_PX = 2
"""Pixels, of 64, removed along the background, where the outline shows."""
MIN_FOREGROUND_AREA = 0.05
"""The share of the reference that its foreground must cover."""
MIN_TEXTURE_STD = 0.01
"""A foreground whose detail has a smaller standard deviation, in levels of 1, is plain. Noise of
sigma 60 (of 255) leaves 0.008 at this scale."""
SMOOTHED = 0.5
"""Share of a reference's standard deviation below which a query's texture is smoothed away. Chosen
by hand: half of the texture of another object of the same outline would be a coincidence."""
DIFFERENT_TONE_L2 = 0.1
"""From this l2 on, in levels of 1, the tones of plain foregrounds differ: two thirds of the l2 of
a copy in Carlini et al. (2023)."""


@dataclass(frozen=True)
class Foreground:
    """The foreground of a reference.

    Attributes:
        mask: 1 inside, (h, w).
        tones: local means of the levels, 0 outside, float32 (h, w, 3).
        texture: contrast-normalised detail of length 1 (or all 0), float32 (h, w, 3).
        contrast: the standard deviation of the detail, in levels of 1.
    """

    mask: Mask
    tones: NDArray[np.float32]
    texture: NDArray[np.float32]
    contrast: float


def find_foreground(square: NDArray[np.float32]) -> Foreground | None:
    """The foreground of a reference, if its background has one colour.

    Args:
        square: levels in [0, 1], float32 (h, w, 3).
    """
    border = np.concatenate([square[0], square[-1], square[:, 0], square[:, -1]])
    background = np.median(border, axis=0)
    if (
        np.abs(border - background).max(axis=1) < BACKGROUND_TOLERANCE
    ).mean() < MIN_BACKGROUND_BORDER:
        return None
    inside = (np.abs(square - background).max(axis=2) >= BACKGROUND_TOLERANCE).astype(np.float32)
    plane = cv2.erode(inside, np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1)), borderValue=1)
    if plane.mean() < MIN_FOREGROUND_AREA:
        return None
    return _inside(square, Mask(plane))


def foreground_distance(square: NDArray[np.float32], reference: Foreground) -> float:
    """How much a query differs from a reference in the reference's foreground.

    Returns:
        0 (the textures agree, or the tones where either has no texture) to 1.
    """
    query = _inside(square, reference.mask)
    distance = min(1 - float((query.texture * reference.texture).sum()), 1.0)
    if reference.contrast < MIN_TEXTURE_STD or query.contrast < SMOOTHED * reference.contrast:
        tones = _deviation(query.tones - reference.tones, reference.mask)
        distance = min(distance, tones / DIFFERENT_TONE_L2)
    return distance


def _inside(square: NDArray[np.float32], mask: Mask) -> Foreground:
    levels = masked_tones(square, mask)
    detail = masked_detail(levels, mask)
    texture = contrast_normalised(detail, mask, COARSE)
    return Foreground(mask, levels - detail, texture, _deviation(detail, mask))


def _deviation(differences: NDArray[np.float32], mask: Mask) -> float:
    """The root mean square within a mask of values that are 0 outside."""
    return float(np.sqrt(np.square(differences).sum() / (3 * mask.area)))
