"""Pixel distances of the memorization literature.

Every function takes RGB images as float32 arrays in [0, 1]: the query (h, w, 3) and a batch of
candidates (n, h, w, 3) of the same size. Distances are float32 (n,) in [0, 1].

Sources:
    [1] Carlini et al. 2023, "Extracting Training Data from Diffusion Models", arXiv 2301.13188.
    [2] Webster 2023, "A Reproducible Extraction of Training Images from Diffusion Models",
        arXiv 2305.08694.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]
Distances = NDArray[np.float32]

TILES = 4
"""Tiles along each edge: 16 tiles, 128 x 128 of 512 x 512 in [1]."""

ALPHA = 0.5
NEIGHBOURS = 50
"""The two constants of the relative distance in [1]."""

COPY_TILED_L2 = 0.15
"""Tiled l2 of a copy in [1]."""

KEPT_TILES = 12
"""Tiles, of 16, that a template verbatim must share with its original."""


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
    tile = (height // TILES, width // TILES * 3)
    apart = (candidates - query).reshape(-1, TILES, tile[0], TILES, tile[1])
    squares = np.einsum("niajb,niajb->nij", apart, apart)
    return np.asarray(np.sqrt(squares / (tile[0] * tile[1])), dtype=np.float32)


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
