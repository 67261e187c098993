"""The comparison of a query with one candidate on their pixels."""

from __future__ import annotations

import cv2
import numpy as np

from memguard.vision.alignment import TRUSTED_INLIERS, Alignment, align, aligned_correlation
from memguard.vision.foreground import foreground_distance
from memguard.vision.picture import SQUARE_PX, Picture
from memguard.vision.pixel_distances import KEPT_TILES, Images, l2, tile_l2

COPY = 0.15
"""The tiled l2 of a copy in Carlini et al. 2023. Within it structure needs no second witness: a
model smooths texture away and keeps levels."""
MOST_INSIDE = 0.5
"""What insides with nothing in common count as; from here on no picture resembles another."""


def laid_over(query: Picture, reference: Picture, alignment: Alignment | None) -> Images:
    """The query's square as its pixels are compared with the reference's.

    A small alignment (``Alignment.is_small``) is undone by OpenCV's warp if
    that brings the two closer; where the query then ends, its edge is drawn out.

    Returns:
        float32 (SQUARE_PX, SQUARE_PX, 3) in [0, 1].
    """
    if alignment is None or not alignment.is_small:
        return query.square
    here, there = query.pixels.shape[1::-1], reference.pixels.shape[1::-1]
    matrix = alignment.transform / (np.array(there)[:, None] / max(there))
    matrix[:, :2] *= np.array(here) / max(here)
    matrix[:, 2] *= SQUARE_PX
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (SQUARE_PX, SQUARE_PX)
    warped = cv2.warpAffine(query.square, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    squares = np.stack([query.square, warped])
    return np.asarray(squares[l2(reference.square, squares).argmin()])


def verify(query: Picture, reference: Picture) -> dict[str, float]:
    """Every pixel distance between a view of a query and a reference; the smaller, the closer.

    Returns:
        ``l2``, ``tiled_l2`` and ``masked_tiled_l2`` of the squeezed squares, in [0, 1],
        after a small alignment (:func:`laid_over`);
        ``structure``: 1 - correlation, in [0, 2], or half the
        :func:`memguard.vision.foreground.foreground_distance` if that is more and ``tiled_l2``
        above :data:`COPY`;
        ``aligned_structure``: the same where an alignment puts the query over the reference, the
        correlation scaled down where fewer than :data:`TRUSTED_INLIERS` features agree on it, 1
        without alignment; ``local_features``: minus the features that agree on the alignment,
        times the squared correlation, at most 0.
    """
    alignment = align(query.features, reference.features)
    square = laid_over(query, reference, alignment)
    tiles = np.sort(tile_l2(square, reference.square[None]), axis=None)
    distances = {
        "l2": float(np.sqrt(np.square(tiles).mean())),
        "tiled_l2": float(tiles[-1]),
        "masked_tiled_l2": float(tiles[KEPT_TILES - 1]),
        "structure": _witnessed(query, reference, float(tiles[-1])),
        "aligned_structure": 1.0,
        "local_features": 0.0,
    }
    if alignment is not None:
        agreement, _ = aligned_correlation(query.plane, reference.plane, alignment.transform)
        trust = min(1.0, alignment.inliers / TRUSTED_INLIERS)
        distances["aligned_structure"] = 1 - trust * agreement
        distances["local_features"] = -alignment.inliers * max(agreement, 0.0) ** 2
    return distances


def _witnessed(query: Picture, reference: Picture, tiled: float) -> float:
    """The distance in structure, unless the insides are further apart and the pixels are too."""
    distance = 1 - float(query.coarse @ reference.coarse)
    if distance >= MOST_INSIDE or tiled <= COPY or reference.foreground is None:
        return distance
    return max(distance, MOST_INSIDE * foreground_distance(query.small, reference.foreground))
