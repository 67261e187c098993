"""SquareResize against open_clip's own transform for inference."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from open_clip.transform import image_transform
from PIL import Image

from memguard.descriptors.resizing import MAX_ASPECT, Mode, SquareResize
from memguard.vision.picture import Picture

SIDE = 64

SIZES = [
    (451, 300),
    (300, 451),
    (64, 64),
    (65, 64),
    (62, 63),
    (500, 100),
    (101, 333),
    (1000, 77),
    (97, 101),
    (7, 5),
    (1, 1),
    (1, 64),
]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
def test_equals_open_clip(
    cat: Image.Image, mode: Mode, interpolation: str, size: tuple[int, int]
) -> None:
    image = cat.resize(size)
    reference = image_transform(
        SIDE,
        is_train=False,
        mean=(0, 0, 0),
        std=(1, 1, 1),
        resize_mode=mode,
        interpolation=interpolation,
        fill_color=7,
    )
    expected = np.rint(reference(image).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    resize = SquareResize(SIDE, mode, Image.Resampling[interpolation.upper()], fill=7)
    np.testing.assert_array_equal(resize(Picture(image)), expected)


@pytest.mark.parametrize("mode", ["shortest", "longest", "squash"])
@pytest.mark.parametrize("size", [(1, 200_000), (200_000, 1)])
def test_endless_strips_are_resized(mode: Mode, size: tuple[int, int]) -> None:
    """open_clip fails on these, or makes a picture of 3 GB before it cuts."""
    square = SquareResize(SIDE, mode)(Picture(Image.new("RGB", size, "red")))
    assert square.shape == (SIDE, SIDE, 3)
    assert (square == [255, 0, 0]).all(axis=2).any()


def test_the_middle_of_a_strip_is_kept() -> None:
    strip = Image.new("RGB", (MAX_ASPECT * 40, 4), "red")
    strip.paste("blue", (MAX_ASPECT * 20 - 4, 0, MAX_ASPECT * 20 + 4, 4))
    square = SquareResize(SIDE)(Picture(strip))
    assert (square[:, 4:-4] == [0, 0, 255]).all()


def test_travels_to_workers_and_says_what_it_does() -> None:
    resize = SquareResize(224, "longest", Image.Resampling.BILINEAR)
    assert pickle.loads(pickle.dumps(resize)) == resize
    assert str(resize) == "224 px square, longest, bilinear"
