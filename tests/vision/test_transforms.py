"""Simulated copies of real photographs."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from memguard.vision.transforms import SIMULATED_COPIES, dead_leaves, simulated_copies, smooth_field


@pytest.fixture
def photograph() -> Image.Image:
    return Image.fromarray(skimage.data.chelsea())


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)


def apply(name: str, image: Image.Image, seed: int = 0) -> Image.Image:
    return SIMULATED_COPIES[name](image, np.random.default_rng(seed))


@pytest.mark.parametrize("name", SIMULATED_COPIES)
def test_every_transform_changes_the_image_the_same_way_each_time(
    name: str, photograph: Image.Image
) -> None:
    before = photograph.copy()
    copy = apply(name, photograph)
    assert copy.mode == "RGB"
    assert copy.size == photograph.size or name == "text+border"
    assert copy.tobytes() == apply(name, photograph).tobytes()
    assert copy.tobytes() != photograph.tobytes()
    assert photograph.tobytes() == before.tobytes()


@pytest.mark.parametrize("name", SIMULATED_COPIES)
@pytest.mark.parametrize("size", [(40, 40), (64, 300)])
def test_every_transform_takes_small_and_narrow_images(name: str, size: tuple[int, int]) -> None:
    image = dead_leaves(size, np.random.default_rng(3))
    assert min(apply(name, image).size) >= 40


def test_there_are_fifteen() -> None:
    assert len(SIMULATED_COPIES) == 15


@pytest.mark.parametrize(("name", "sigma"), [("noise 25", 25), ("noise 60", 60)])
def test_noise_has_the_stated_deviation(name: str, sigma: float) -> None:
    grey = Image.new("RGB", (200, 200), (127, 127, 127))
    noisy = levels(apply(name, grey))
    assert noisy.std() == pytest.approx(sigma, rel=0.05)
    assert noisy.mean() == pytest.approx(127, abs=1)


def test_mirror(photograph: Image.Image) -> None:
    assert apply("mirror", photograph).tobytes() == ImageOps.mirror(photograph).tobytes()


@pytest.mark.parametrize(("name", "side"), [("crop 80", 0.8), ("crop 50", 0.5)])
def test_crop_keeps_the_stated_share_of_each_edge(name: str, side: float) -> None:
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None], (200, 200, 3))
    cropped = levels(apply(name, Image.fromarray(np.ascontiguousarray(ramp))))
    assert cropped[-1].mean() - cropped[0].mean() == pytest.approx(199 * side, abs=2)


def test_inset_shows_the_whole_image_smaller() -> None:
    red = Image.new("RGB", (100, 100), "red")
    blue = Image.new("RGB", (100, 100), "blue")
    copy = levels(simulated_copies([blue])["inset 60"](red, np.random.default_rng(0)))
    assert (copy[..., 0] == 255).mean() == pytest.approx(0.36, abs=0.01)


def test_blend_keeps_seventy_per_cent() -> None:
    white = Image.new("RGB", (50, 50), "white")
    black = Image.new("RGB", (50, 50), "black")
    copy = simulated_copies([black])["blend 70/30"](white, np.random.default_rng(0))
    assert levels(copy).mean() == pytest.approx(0.7 * 255, abs=1)


def test_posterized_copies_are_grey_with_four_levels(photograph: Image.Image) -> None:
    copy = levels(apply("grey/poster", photograph))
    assert len(np.unique(copy)) == 4
    assert (copy == copy[..., :1]).all()


def test_text_stands_inside_a_border_of_one_colour(photograph: Image.Image) -> None:
    copy = levels(apply("text+border", photograph))
    border = round(0.12 * max(photograph.size))
    assert len(np.unique(copy[:border].reshape(-1, 3), axis=0)) == 1
    inside = copy[border:-border, border:-border]
    changed = (inside != levels(photograph)).any(axis=-1).mean()
    assert 0.01 < changed < 0.4


def test_diffusion_like_copies_look_alike_but_share_no_detail(photograph: Image.Image) -> None:
    copy = apply("diffusion-like", photograph)
    small = [levels(image.resize((16, 16), Image.Resampling.BOX)) for image in (photograph, copy)]
    assert np.corrcoef(small[0].ravel(), small[1].ravel())[0, 1] > 0.95
    detail = [
        levels(image) - levels(image.resize((64, 64)).resize(image.size))
        for image in (photograph, copy)
    ]
    assert np.corrcoef(detail[0].ravel(), detail[1].ravel())[0, 1] < 0.5


def test_smooth_field_is_standardized() -> None:
    field = smooth_field((80, 40), np.random.default_rng(1), cells=5)
    assert field.shape == (40, 80)
    assert field.mean() == pytest.approx(0, abs=1e-5)
    assert field.std() == pytest.approx(1, abs=1e-5)
