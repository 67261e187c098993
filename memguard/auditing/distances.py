"""Pixel distances between all pairs of two sets of images, as matrices.

The matrix forms of :func:`~memguard.vision.pixel_distances.l2` and
:func:`~memguard.vision.pixel_distances.tiled_l2`, which compare one image with some. A squared
distance is ``|a|^2 + |b|^2 - 2 a.b``, so that matrix products do the work. Levels are whole numbers
and their products are summed in float64, which holds every sum without rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.vision.decode import to_rgb
from memguard.vision.picture import SQUARE_PX
from memguard.vision.pixel_distances import TILES

Pixels = NDArray[np.uint8]
"""Images of one size, (n, h, w, 3); both edges are multiples of 4."""

WHITE = 255.0


def common_side(images: Sequence[Image.Image]) -> int:
    """The edge of the squares on which these images are compared, a multiple of 4.

    That of the largest image, but at most 128 pixels (16 tiles of 32).
    """
    longest = max((max(image.size) for image in images), default=SQUARE_PX)
    return min(SQUARE_PX, TILES * max(1, round(longest / TILES)))


def to_squares(images: Sequence[Image.Image], side: int | None = None) -> Pixels:
    """The images squeezed to squares, each new pixel the mean of those that it covers.

    Args:
        images: of any mode and size.
        side: edge of the squares in pixels, a multiple of 4; by default :func:`common_side`.
    """
    edge = common_side(images) if side is None else side
    squares = np.empty((len(images), edge, edge, 3), dtype=np.uint8)
    for square, image in zip(squares, images, strict=True):
        square[:] = np.asarray(to_rgb(image).resize((edge, edge), Image.Resampling.BOX))
    return squares


def pairwise_l2(first: Pixels, second: Pixels) -> NDArray[np.float32]:
    """:func:`~memguard.vision.pixel_distances.l2` of each first image with each second.

    Returns:
        float32 (n, m) in [0, 1].
    """
    total = np.zeros((len(first), len(second)))
    for squares in _mean_squares(first, second):
        total += squares
    return np.sqrt(total / TILES**2).astype(np.float32)


def pairwise_tiled_l2(first: Pixels, second: Pixels) -> NDArray[np.float32]:
    """:func:`~memguard.vision.pixel_distances.tiled_l2` of each first image with each second.

    Returns:
        float32 (n, m) in [0, 1].
    """
    largest = np.zeros((len(first), len(second)))
    for squares in _mean_squares(first, second):
        np.maximum(largest, squares, out=largest)
    return np.sqrt(largest).astype(np.float32)


def _mean_squares(first: Pixels, second: Pixels) -> Iterator[NDArray[np.float64]]:
    """For each of the 16 tiles, the mean squared difference of every pair, (n, m)."""
    for ours, theirs in zip(_tiles(first), _tiles(second), strict=True):
        squares = np.square(ours).sum(axis=1)[:, None] + np.square(theirs).sum(axis=1)
        squares -= 2 * (ours @ theirs.T)
        squares /= ours.shape[1] * WHITE**2
        yield squares


def _tiles(images: Pixels) -> Iterator[NDArray[np.float64]]:
    count, height, width, _ = images.shape
    if height % TILES or width % TILES:
        raise ValueError(
            f"images of {width} x {height} pixels do not divide into {TILES} x {TILES} tiles"
        )
    size = height * width * 3 // TILES**2
    tiles = images.reshape(count, TILES, height // TILES, TILES, width // TILES, 3)
    for row in range(TILES):
        for column in range(TILES):
            yield tiles[:, row, :, column].reshape(count, size).astype(np.float64)
