"""The comparison of two pictures: what is undone first, and what needs a second witness."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import COPY_TILED_L2, FOREGROUND_WEIGHT
from memguard.detection.verification import verify
from memguard.vision.foreground import foreground_distance
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import l2


def test_a_small_shift_and_scaling_is_undone_before_pixels_are_compared() -> None:
    """Cut 6 % off two sides of a wide picture: far apart where it lies, close when laid over."""
    image = Image.fromarray(skimage.data.coffee())
    width, height = image.size
    cut = image.crop((0, 0, round(0.94 * width), round(0.94 * height)))
    plain = float(l2(Picture(cut).square, Picture(image).square[None])[0])
    aligned = verify(PicturePair(Picture(cut), Picture(image)))
    assert plain > 0.08
    assert aligned["l2"] < plain / 2


def test_a_turn_by_half_is_no_small_alignment() -> None:
    image = Image.fromarray(skimage.data.astronaut())
    turned = Picture(image.rotate(180))
    plain = float(l2(turned.square, Picture(image).square[None])[0])
    assert verify(PicturePair(turned, Picture(image)))["l2"] == pytest.approx(plain, abs=1e-6)


def test_a_smoothed_copy_needs_no_second_witness() -> None:
    """A textured disc on white whose texture a model smoothed away, its levels kept: the insides
    share no texture, but every tile is within the paper's distance of a copy."""
    rng = np.random.default_rng(0)
    levels = cv2.GaussianBlur(rng.normal(0, 1, (256, 256)).astype(np.float32), (0, 0), 6)
    texture = np.clip(90 + 40 * levels / levels.std(), 0, 255)
    rows, columns = np.mgrid[:256, :256] - 128
    disc = np.hypot(rows, columns) < 100
    original, smoothed = (
        Picture(Image.fromarray(np.where(disc, inside, 255).astype(np.uint8)))
        for inside in (texture, np.full((256, 256), 90.0))
    )
    assert original.foreground is not None
    assert foreground_distance(smoothed.small, original.foreground) > 0.9
    found = verify(PicturePair(smoothed, original))
    assert found["tiled_l2"] <= COPY_TILED_L2
    assert found["structure"] < FOREGROUND_WEIGHT * 0.9
