"""A picture and what is derived from it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from memguard.vision.alignment import EDGE_PX
from memguard.vision.local_features import FEATURE_EDGE_PX, LocalFeatures, local_features
from memguard.vision.picture import BLANK_STD, MIN_EDGE_PX, SQUARE_PX, Picture
from memguard.vision.structure import SIDE_PX, coarse_structure, small_square
from memguard.vision.transforms import dead_leaves


def test_planes_and_squares_have_their_sizes(cat: Image.Image) -> None:
    picture = Picture(cat)
    assert picture.pixels.shape == (170, FEATURE_EDGE_PX, 3)
    assert picture.pixels.dtype == np.uint8
    assert picture.plane.shape == (74, EDGE_PX)
    assert picture.square.shape == (SQUARE_PX, SQUARE_PX, 3)
    assert 0 <= picture.square.min() < 0.1 < 0.7 < picture.square.max() <= 1
    assert picture.coarse.shape == (SIDE_PX * SIDE_PX * 3,)
    np.testing.assert_array_equal(picture.coarse, coarse_structure(small_square(picture.pixels)))
    np.testing.assert_array_equal(
        picture.features.descriptors, local_features(picture.pixels)[0].descriptors
    )


def test_the_square_is_pillow_s_box_filter(photographs: dict[str, Image.Image]) -> None:
    for name, image in photographs.items():
        box = np.asarray(image.resize((SQUARE_PX, SQUARE_PX), Image.Resampling.BOX)) / 255
        assert np.sqrt(np.mean((Picture(image).square - box) ** 2)) < 0.02, name


def test_each_is_computed_once(cat: Image.Image) -> None:
    picture = Picture(cat)
    for name in ("pixels", "features", "plane", "coarse", "small", "foreground", "square"):
        assert getattr(picture, name) is getattr(picture, name)


def test_known_features_are_taken_as_they_are(cat: Image.Image) -> None:
    known = LocalFeatures(np.zeros((1, 2), np.float32), np.zeros((1, 32), np.uint8))
    assert Picture(cat, known).features is known


def test_the_mirror_image(cat: Image.Image) -> None:
    mirrored = Picture(cat).mirrored()
    sought = Picture(ImageOps.mirror(cat))
    assert mirrored.image.tobytes() == sought.image.tobytes()
    assert np.abs(mirrored.square - sought.square).max() == 0
    assert len(mirrored.features.points) == len(Picture(cat).features.points)
    again = mirrored.mirrored()
    assert again.image.tobytes() == cat.tobytes()


def test_the_negative(cat: Image.Image) -> None:
    negative = Picture(cat).inverted()
    assert negative.image.tobytes() == ImageOps.invert(cat).tobytes()
    assert negative.square == pytest.approx(1 - Picture(cat).square, abs=1.01 / 255)
    np.testing.assert_array_equal(negative.features.points, Picture(cat).features.points)
    assert negative.inverted().image.tobytes() == cat.tobytes()


def test_any_mode_becomes_rgb(cat: Image.Image) -> None:
    grey = Picture(cat.convert("L"))
    assert grey.image.mode == "RGB"
    layer = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    assert (Picture(layer).square == 1).all(), "transparent is white"


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 3)])
def test_any_shape(cat: Image.Image, size: tuple[int, int]) -> None:
    picture = Picture(cat.resize(size))
    assert max(picture.pixels.shape[:2]) == FEATURE_EDGE_PX
    assert min(picture.pixels.shape[:2]) >= MIN_EDGE_PX
    assert picture.square.shape == (SQUARE_PX, SQUARE_PX, 3)
    assert max(picture.plane.shape) == EDGE_PX
    assert len(picture.features.points) == len(picture.features.descriptors)


@pytest.mark.parametrize(
    ("spread", "blank"),
    [(0, True), (0.8 * BLANK_STD, True), (1.3 * BLANK_STD, False)],
)
def test_blank(spread: float, blank: bool) -> None:
    """A checkerboard of cells larger than a pixel of the square: its spread survives."""
    sign = np.where(np.indices((8, 8)).sum(axis=0) % 2, 1, -1)
    levels = np.rint(128 + 255 * spread * sign).astype(np.uint8)
    image = Image.fromarray(levels).resize((256, 256), Image.Resampling.NEAREST)
    assert Picture(image).is_blank == blank


def test_a_picture_of_one_channel_is_not_blank(cat: Image.Image) -> None:
    _, green, _ = cat.split()
    flat = Image.new("L", cat.size, 90)
    assert not Picture(Image.merge("RGB", (flat, green, flat))).is_blank
    assert not Picture(dead_leaves((64, 64), np.random.default_rng(0))).is_blank
