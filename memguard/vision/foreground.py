"""Foreground: the part of a reference inside its outline, which must agree with the query too.

A kiwi and a cymbal on white share an outline. On a background of one colour, the outline dominates
every comparison of whole pictures. The foreground is the rest of the reference, less a rim along
the outline; there, texture or tone must agree. Line drawings have no foreground.

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
DIFFERENT_TONE_L2 = 0.1
"""From this l2 on, in levels of 1, the tones of plain foregrounds differ: two thirds of the l2 of
a copy in Carlini et al. (2023)."""


@dataclass(frozen=True)
class Foreground:
    """The foreground of a reference.

    Attributes:
        mask: 1 inside, (h, w).
        tones: blurred levels, 0 outside, float32 (h, w, 3).
        texture: contrast-normalised detail of length 1 (or all 0), float32 (h, w, 3).
        plain: whether it has almost no texture, so that tones are compared.
    """

    mask: Mask
    tones: NDArray[np.float32]
    texture: NDArray[np.float32]
    plain: bool


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
    mask = Mask(plane)
    tones = masked_tones(square, mask)
    detail = masked_detail(tones, mask)
    plain = np.square(detail).sum() < 3 * mask.area * MIN_TEXTURE_STD**2
    return Foreground(mask, tones, contrast_normalised(detail, mask, COARSE), bool(plain))


def foreground_distance(square: NDArray[np.float32], reference: Foreground) -> float:
    """How much a query differs from a reference in the reference's foreground.

    Returns:
        0 (the textures agree, or the tones if there is no texture) to 1.
    """
    mask = reference.mask
    tones = masked_tones(square, mask)
    texture = contrast_normalised(masked_detail(tones, mask), mask, COARSE)
    distance = min(1 - float((texture * reference.texture).sum()), 1.0)
    if reference.plain:
        squares = np.square(tones - reference.tones).sum() / (3 * mask.area)
        distance = min(distance, float(np.sqrt(squares)) / DIFFERENT_TONE_L2)
    return distance
