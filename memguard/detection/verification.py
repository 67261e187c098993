"""Pixel distances of the memorization literature, between a query and its candidates.

Every function takes RGB images as float32 arrays in [0, 1]: the query (h, w, 3) and a batch of
candidates (n, h, w, 3) of the same size. Distances are float32 (n,) in [0, 1].

Sources:
    [1] Carlini et al. 2023, "Extracting Training Data from Diffusion Models", arXiv 2301.13188.
    [2] Webster 2023, "A Reproducible Extraction of Training Images from Diffusion Models",
        arXiv 2305.08694.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.vision.alignment import TRUSTED_INLIERS, Alignment, align, aligned_correlation
from memguard.vision.foreground import interior_distance
from memguard.vision.picture import SQUARE, Picture

Images = NDArray[np.float32]
Distances = NDArray[np.float32]

TILES = 4
"""Tiles along each edge: 16 tiles, 128 x 128 of 512 x 512 in [1]."""
ALPHA = 0.5
NEIGHBOURS = 50
"""The two constants of the relative distance in [1]."""
KEPT_TILES = 12
"""The tiles that a template verbatim must share, of 16."""
COPY = 0.15
"""The tiled l2 of a copy in [1]: so near in every tile, structure needs no second witness. A model
smooths texture away and keeps levels."""
MOST_INSIDE = 0.5
"""What insides with nothing in common count as; from here on no picture resembles another."""


def l2(query: Images, candidates: Images) -> Distances:
    """Root of the mean squared difference over pixels and channels, 0 (equal) to 1 [1]."""
    squares = np.square(candidates - query)
    return np.asarray(np.sqrt(squares.mean(axis=(1, 2, 3))), dtype=np.float32)


def tile_l2(query: Images, candidates: Images) -> NDArray[np.float32]:
    """The `l2` of each of the 4 x 4 tiles that do not overlap, float32 (n, 4, 4).

    Both edges must be multiples of 4.
    """
    height, width, _ = query.shape
    if height % TILES or width % TILES:
        raise ValueError(
            f"images of {width} x {height} pixels do not divide into {TILES} x {TILES} tiles;"
            f" resize both edges to multiples of {TILES}"
        )
    squares = np.square(candidates - query)
    tiles = squares.reshape(-1, TILES, height // TILES, TILES, width // TILES, 3)
    return np.asarray(np.sqrt(tiles.mean(axis=(2, 4, 5))), dtype=np.float32)


def tiled_l2(query: Images, candidates: Images) -> Distances:
    """The largest `l2` of 16 tiles: two images with a common flat background stay apart [1]."""
    return np.asarray(tile_l2(query, candidates).max(axis=(1, 2)))


def masked_tiled_l2(
    query: Images, candidates: Images, kept: int = KEPT_TILES
) -> tuple[Distances, NDArray[np.bool_]]:
    """The largest `l2` of the `kept` closest tiles: finds template verbatims [2].

    A template verbatim repeats a training image except in some region, such as the print of a
    shirt. Tiles of that region are masked out.

    Returns:
        the distances (n,), and the masks, bool (n, 4, 4), True where a tile was compared.
    """
    tiles = tile_l2(query, candidates).reshape(-1, TILES * TILES)
    order = np.argsort(tiles, axis=1, kind="stable")[:, :kept]
    mask = np.zeros(tiles.shape, dtype=bool)
    np.put_along_axis(mask, order, True, axis=1)
    distances = np.take_along_axis(tiles, order[:, -1:], axis=1)[:, 0]
    return distances, mask.reshape(-1, TILES, TILES)


def relative_l2(
    distances: NDArray[np.float32],
    to_nearest: NDArray[np.float32],
    alpha: float = ALPHA,
    neighbours: int = NEIGHBOURS,
) -> NDArray[np.float32]:
    """How much closer a candidate is than the references around the query usually are [1].

    Below 1, the candidate is closer than `alpha` times the usual distance.

    Args:
        distances: from the query to its candidates (n,), in any metric.
        to_nearest: from the query to its nearest references (m,), in the same metric, in any
            order; the `neighbours` smallest are averaged, or all m if there are fewer.
        alpha: the scale of the usual distance.
        neighbours: how many references make up the neighbourhood.

    Returns:
        float32 (n,), 0 upwards.
    """
    usual = np.sort(to_nearest)[:neighbours].mean()
    scale = max(alpha * float(usual), float(np.finfo(np.float32).tiny))
    return np.asarray(distances / scale, dtype=np.float32)


def match_tones(query: Images, candidates: Images) -> Images:
    """The candidates, each with the gain and offset per channel that bring it closest to the query.

    Least squares over pixels, so that a change of brightness, contrast or colour balance does not
    count as a difference. The gain is kept within [0.25, 4]: a flat candidate cannot be blown up
    into any query.

    Returns:
        float32 (n, h, w, 3), not clipped to [0, 1].
    """
    target = query.mean(axis=(0, 1))
    means = candidates.mean(axis=(1, 2), keepdims=True)
    centred = candidates - means
    covariance = (centred * (query - target)).mean(axis=(1, 2), keepdims=True)
    variance = np.square(centred).mean(axis=(1, 2), keepdims=True)
    gain = np.clip(covariance / np.maximum(variance, 1e-8), 0.25, 4)
    return np.asarray(gain * centred + target, dtype=np.float32)


def laid_over(query: Picture, reference: Picture, alignment: Alignment | None) -> Images:
    """The query's square as its pixels are compared with the reference's.

    A small alignment (``Alignment.is_small``) is undone by OpenCV's warp if
    that brings the two closer; where the query then ends, its edge is drawn out.

    Returns:
        float32 (SQUARE, SQUARE, 3) in [0, 1].
    """
    if alignment is None or not alignment.is_small:
        return query.square
    here, there = query.pixels.shape[1::-1], reference.pixels.shape[1::-1]
    matrix = alignment.transform / (np.array(there)[:, None] / max(there))
    matrix[:, :2] *= np.array(here) / max(here)
    matrix[:, 2] *= SQUARE
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    size = (SQUARE, SQUARE)
    warped = cv2.warpAffine(query.square, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    squares = np.stack([query.square, warped])
    return np.asarray(squares[l2(reference.square, squares).argmin()])


def measure(query: Picture, reference: Picture) -> dict[str, float]:
    """Every pixel distance between a view of a query and a reference; the smaller, the closer.

    Returns:
        ``l2``, ``tiled_l2`` and ``masked_tiled_l2`` of the squeezed squares, in [0, 1],
        after a small alignment (:func:`laid_over`);
        ``structure``: 1 - correlation, in [0, 2], or half the
        :func:`memguard.vision.foreground.interior_distance` if that is more and ``tiled_l2`` above
        :data:`COPY`;
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
    if distance >= MOST_INSIDE or tiled <= COPY or reference.interior is None:
        return distance
    return max(distance, MOST_INSIDE * interior_distance(query.small, reference.interior))
