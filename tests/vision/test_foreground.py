"""The inside of an outline, on drawings made for it and on a photograph."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import FOREGROUND_WEIGHT
from memguard.detection.verification import verify
from memguard.vision.foreground import RIM_PX, find_foreground, foreground_distance
from memguard.vision.picture import Picture
from memguard.vision.transforms import gaussian_noise

SIDE = 256
BOX = (28, 28, 228, 228)


def disc(fill: Image.Image | str) -> Picture:
    """A disc on white, filled with a texture or a colour."""
    mask = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(mask).ellipse(BOX, fill=255)
    white = Image.new("RGB", (SIDE, SIDE), "white")
    inside = Image.new("RGB", white.size, fill) if isinstance(fill, str) else fill
    return Picture(Image.composite(inside, white, mask))


def texture(name: str, dark: bool = True) -> Image.Image:
    image = Image.fromarray(getattr(skimage.data, name)()).convert("RGB").resize((SIDE, SIDE))
    return image.point([level // 2 + 20 for level in range(256)] * 3) if dark else image


def square(picture: Picture) -> NDArray[np.float32]:
    return picture.small


def test_the_mask_is_the_inside_less_a_rim() -> None:
    found = find_foreground(square(disc("navy")))
    assert found is not None
    radius = 25 - RIM_PX
    assert found.mask.area == pytest.approx(np.pi * radius**2, rel=0.05)
    assert found.mask.plane[32, 32] == 1
    assert found.mask.plane[1, 1] == 0


def test_discs_of_other_textures_share_their_outline_only() -> None:
    coffee, cat = disc(texture("coffee")), disc(texture("chelsea"))
    assert coffee.foreground is not None
    assert float(coffee.coarse @ cat.coarse) > 0.5
    assert foreground_distance(cat.small, coffee.foreground) > 0.6
    assert foreground_distance(coffee.small, coffee.foreground) == pytest.approx(0, abs=1e-5)
    assert verify(PicturePair(cat, coffee))["structure"] >= FOREGROUND_WEIGHT * 0.6


def test_a_noisy_copy_of_a_disc_is_still_near() -> None:
    cat = disc(texture("chelsea"))
    noisy = Picture(gaussian_noise(cat.image, np.random.default_rng(0), sigma=60))
    assert verify(PicturePair(noisy, cat))["structure"] < 0.2


def test_plain_discs_must_agree_in_tone() -> None:
    navy = disc("navy")
    assert navy.foreground is not None
    assert foreground_distance(disc("navy").small, navy.foreground) == pytest.approx(0, abs=1e-5)
    assert foreground_distance(disc("darkred").small, navy.foreground) == 1
    assert verify(PicturePair(disc("darkred"), navy))["structure"] == FOREGROUND_WEIGHT


@pytest.mark.parametrize("name", ["astronaut", "coffee"])
def test_a_picture_that_fills_its_frame_has_no_foreground(name: str) -> None:
    assert find_foreground(square(Picture(texture(name, dark=False)))) is None


def test_a_line_drawing_has_no_foreground() -> None:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    ImageDraw.Draw(image).line([(20, 20), (200, 90), (60, 220), (230, 200)], fill="black", width=5)
    assert find_foreground(square(Picture(image))) is None
