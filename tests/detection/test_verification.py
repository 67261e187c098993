"""The comparison of two pictures: what is undone first, and what needs a second witness."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw

from memguard import Guard, build_index
from memguard.detection.picture_pair import PicturePair
from memguard.detection.signals import FOREGROUND_WEIGHT
from memguard.detection.verification import verify
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import l2
from memguard.vision.transforms import gaussian_noise, jpeg


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


def test_a_copy_whose_texture_is_smoothed_away_keeps_its_layout() -> None:
    """A textured disc on white, as a model draws it that keeps the levels. The same levels with
    another texture are another picture."""
    rng = np.random.default_rng(0)
    levels = cv2.GaussianBlur(rng.normal(0, 1, (256, 256)).astype(np.float32), (0, 0), 6)
    texture = np.clip(90 + 40 * levels / levels.std(), 0, 255)
    rows, columns = np.mgrid[:256, :256] - 128
    disc = np.hypot(rows, columns) < 100
    original, smoothed, other = (
        Picture(Image.fromarray(np.where(disc, inside, 255).astype(np.uint8)))
        for inside in (texture, np.full((256, 256), 90.0), texture.T[::-1])
    )
    found, strange = (verify(PicturePair(one, original)) for one in (smoothed, other))
    assert found["foreground"] < 0.5
    assert found["structure"] < FOREGROUND_WEIGHT / 2
    assert strange["foreground"] > 0.9
    assert strange["structure"] > FOREGROUND_WEIGHT * 0.9


@pytest.fixture(scope="module")
def discs() -> dict[str, Image.Image]:
    """Photographs cut out along one circle, on white."""
    mask = Image.new("L", (256, 256))
    ImageDraw.Draw(mask).ellipse((28, 28, 228, 228), fill=255)
    white = Image.new("RGB", mask.size, "white")
    return {
        name: Image.composite(
            Image.fromarray(getattr(skimage.data, name)())
            .convert("RGB")
            .resize(mask.size)
            .point([level // 2 + 20 for level in range(256)] * 3),
            white,
            mask,
        )
        for name in ("coffee", "astronaut", "camera", "immunohistochemistry", "retina", "moon")
    }


def test_one_outline_on_white_is_no_copy_and_hides_none(
    discs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """Plates, coins, planets: the outline is most of such a picture, and the same in all."""
    novel = discs.pop("coffee"), discs.pop("astronaut"), discs.pop("retina")
    (tmp_path / "images").mkdir()
    for name, image in discs.items():
        image.save(tmp_path / "images" / f"{name}.png")
    build_index(tmp_path / "images", tmp_path / "i", weights={}, workers=0, calibrate=False)
    guard = Guard(tmp_path / "i")
    rng = np.random.default_rng(0)
    copies = [gaussian_noise(jpeg(image, rng), rng, sigma=25) for image in discs.values()]
    assert [verdict.label for verdict in guard.check(copies)] == ["memorized"] * len(copies)
    assert not {verdict.label for verdict in guard.check(novel)} & {"memorized"}
