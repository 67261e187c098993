"""Distances of all pairs against the formulas for one query."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from memguard.auditing.distances import (
    common_side,
    pairwise_l2,
    pairwise_tiled_l2,
    to_squares,
)
from memguard.vision.pixel_distances import l2, tiled_l2


@pytest.mark.parametrize("side", [8, 32, 128])
def test_pairs_are_as_far_apart_as_verification_says(side: int) -> None:
    rng = np.random.default_rng(side)
    first = rng.integers(0, 256, (5, side, side, 3), dtype=np.uint8)
    second = rng.integers(0, 256, (7, side, side, 3), dtype=np.uint8)
    second[2] = first[3]
    second[4] = np.clip(first[1].astype(int) + 1, 0, 255)
    unit = second.astype(np.float32) / np.float32(255)
    for pairwise, single in ((pairwise_l2, l2), (pairwise_tiled_l2, tiled_l2)):
        distances = pairwise(first, second)
        assert distances.dtype == np.float32
        for query, row in zip(first, distances):
            expected = single(query.astype(np.float32) / np.float32(255), unit)
            assert row == pytest.approx(expected, abs=1e-6)
        assert distances[3, 2] == 0, "equal images are exactly 0 apart"


def test_by_hand() -> None:
    """One tile of 16 is black instead of white: l2 is sqrt(1/16), the largest tile's is 1."""
    white = np.full((1, 8, 8, 3), 255, dtype=np.uint8)
    other = white.copy()
    other[:, 2:4, 4:6] = 0
    assert pairwise_l2(white, other) == pytest.approx(0.25)
    assert pairwise_tiled_l2(white, other) == pytest.approx(1.0)


def test_images_are_squeezed_to_one_square() -> None:
    small, wide = Image.new("L", (30, 17), 100), Image.new("RGB", (34, 10), "red")
    assert to_squares([small, wide]).shape == (2, 32, 32, 3)
    assert common_side([Image.new("RGB", (512, 768))]) == 128
    assert common_side([Image.new("RGB", (1, 1))]) == 4
    assert to_squares([]).shape == (0, 128, 128, 3)
    halves = np.zeros((8, 8, 3), dtype=np.uint8)
    halves[:, 1::2] = 254
    assert (to_squares([Image.fromarray(halves)], side=4) == 127).all(), "a pixel is a mean"


def test_images_that_do_not_divide_into_tiles() -> None:
    odd = np.zeros((1, 6, 6, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="6 x 6 pixels do not divide"):
        pairwise_l2(odd, odd)
