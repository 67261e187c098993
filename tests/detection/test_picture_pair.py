"""What the signals of a pair of pictures share."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from memguard.detection.picture_pair import PicturePair, align_square
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import l2, tile_l2


def test_a_picture_with_itself(cat: Image.Image) -> None:
    pair = PicturePair(Picture(cat), Picture(cat))
    assert pair.alignment is not None
    np.testing.assert_allclose(pair.alignment.transform, np.eye(2, 3), atol=0.01)
    assert pair.agreement == pytest.approx(1, abs=0.01)
    assert pair.sorted_tiles.max() < 0.05


def test_strangers_are_not_aligned(photographs: dict[str, Image.Image]) -> None:
    pair = PicturePair(Picture(photographs["chelsea.png"]), Picture(photographs["rocket.jpg"]))
    assert pair.alignment is None
    assert pair.agreement == 0
    query, reference = pair.query.square, pair.reference.square
    expected = np.sort(tile_l2(query, reference[None]), axis=None)
    np.testing.assert_array_equal(pair.sorted_tiles, expected)


def test_a_small_alignment_is_undone_where_that_is_closer(cat: Image.Image) -> None:
    width, height = cat.size
    query, reference = Picture(cat.crop((12, 9, width, height))), Picture(cat)
    pair = PicturePair(query, reference)
    assert pair.alignment is not None
    assert pair.alignment.is_small
    aligned = align_square(query, reference, pair.alignment)
    plain = l2(query.square, reference.square[None])
    assert l2(aligned, reference.square[None]) < plain / 2
    np.testing.assert_array_equal(align_square(query, reference, None), query.square)


def test_a_large_alignment_is_left_alone(cat: Image.Image) -> None:
    query, reference = Picture(cat.rotate(90, expand=True)), Picture(cat)
    alignment = PicturePair(query, reference).alignment
    assert alignment is not None
    assert not alignment.is_small
    np.testing.assert_array_equal(align_square(query, reference, alignment), query.square)
