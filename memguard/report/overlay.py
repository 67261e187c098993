"""A query laid over its reference, for the eye: sharper than what is measured."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image

from memguard.report.comparison import Comparison

FADED = 0.35
"""Share of the reference in what is shown where the query shows nothing; the rest is grey."""
GREY = 200


def laid_over(comparison: Comparison, edge: int) -> Image.Image:
    """The query in the view that matched, placed in a frame of the reference's shape.

    Args:
        comparison: says how it is placed.
        edge: the frame's longer edge, in pixels.
    """
    height, width = comparison.reference.pixels.shape[:2]
    image = comparison.query.image.copy()
    image.thumbnail((2 * edge, 2 * edge))
    scale = edge / max(height, width)
    shrunk = np.divide(comparison.query.pixels.shape[1::-1], image.size)
    matrix = comparison.placement * scale
    matrix[:, :2] *= shrunk
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    warped = cv2.warpAffine(np.asarray(image), matrix, size)
    covered = cv2.warpAffine(np.ones(image.size[::-1], dtype=np.uint8), matrix, size) > 0
    known = cv2.resize(comparison.reference.pixels, size, interpolation=cv2.INTER_CUBIC)
    faded = FADED * known + (1 - FADED) * GREY
    return Image.fromarray(np.where(covered[..., None], warped, faded).astype(np.uint8))
