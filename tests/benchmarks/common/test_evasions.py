"""Evasions and template copies of real photographs."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageOps

from benchmarks.common.evasions import evasions, template
from memguard.vision.transforms import SIMULATED_COPIES, dead_leaves

EVASIONS = evasions()
OTHER_SIZES = {"squeeze 2:1", "template", "template redrawn"}


@pytest.fixture
def photograph() -> Image.Image:
    return Image.fromarray(skimage.data.chelsea())


def levels(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32)


def apply(name: str, image: Image.Image, seed: int = 0) -> Image.Image:
    return EVASIONS[name](image, np.random.default_rng(seed))


@pytest.mark.parametrize("name", EVASIONS)
def test_every_evasion_changes_the_image_visibly_and_the_same_way_each_time(
    name: str, photograph: Image.Image
) -> None:
    before = photograph.copy()
    copy = apply(name, photograph)
    assert copy.mode == "RGB"
    assert copy.tobytes() == apply(name, photograph).tobytes()
    same_size = np.allclose(copy.size, photograph.size, atol=1)
    assert same_size == (name not in OTHER_SIZES)
    if same_size:
        change = np.abs(levels(copy) - levels(photograph.resize(copy.size)))
        assert change.mean() > 4
    assert photograph.tobytes() == before.tobytes()


@pytest.mark.parametrize("name", EVASIONS)
@pytest.mark.parametrize("size", [(40, 40), (64, 300)])
def test_every_evasion_takes_small_and_narrow_images(name: str, size: tuple[int, int]) -> None:
    image = dead_leaves(size, np.random.default_rng(3))
    assert min(apply(name, image).size) >= 20


def test_names_differ_from_those_of_simulated_copies() -> None:
    assert not set(EVASIONS) & set(SIMULATED_COPIES)


def test_swapped_halves_come_back(photograph: Image.Image) -> None:
    even = photograph.crop((0, 0, 450, 300))
    assert apply("halves swapped", apply("halves swapped", even)).tobytes() == even.tobytes()


def test_squeezed_to_half_of_one_edge(photograph: Image.Image) -> None:
    sizes = {apply("squeeze 2:1", photograph, seed).size for seed in range(8)}
    width, height = photograph.size
    assert sizes == {(round(width / 2), height), (width, round(height / 2))}


def test_gamma_keeps_black_and_white_and_moves_the_middle() -> None:
    ramp = Image.fromarray(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)[None])
    middles = set()
    for seed in range(8):
        tones = levels(apply("gamma", ramp, seed))[0, :, 0]
        assert (tones[0], tones[-1]) == (0, 255)
        middles.add(int(tones[128]))
    assert middles == {56, 186}


def test_a_fifth_of_the_contrast_is_left(photograph: Image.Image) -> None:
    spread = levels(apply("contrast 20", photograph)).std() / levels(photograph).std()
    assert spread == pytest.approx(0.2, abs=0.02)


def test_the_negative_of_the_negative_is_the_image(photograph: Image.Image) -> None:
    assert apply("inverted", apply("inverted", photograph)).tobytes() == photograph.tobytes()


def test_crop_keeps_thirty_per_cent_of_the_area() -> None:
    ramp = np.broadcast_to(np.arange(200, dtype=np.uint8)[:, None, None], (200, 200, 3))
    cropped = levels(apply("crop 30", Image.fromarray(np.ascontiguousarray(ramp))))
    assert cropped[-1].mean() - cropped[0].mean() == pytest.approx(199 * 0.3**0.5, abs=2)


def test_perspective_keeps_the_whole_image_and_most_of_its_size() -> None:
    white = Image.new("RGB", (200, 200), "white")
    for seed in range(8):
        shown = (levels(apply("perspective", white, seed)) == 255).all(axis=-1).mean()
        assert 0.36 < shown < 1


def test_a_keystone_shows_three_quarters_of_the_frame() -> None:
    white = Image.new("RGB", (200, 200), "white")
    edges = set()
    for seed in range(16):
        shown = (levels(apply("keystone", white, seed)) == 255).all(axis=-1)
        assert shown.mean() == pytest.approx(0.75, abs=0.02)
        ends = (shown[1], shown[-2], shown[:, 1], shown[:, -2])
        edges.add(next(i for i, edge in enumerate(ends) if 0.4 < edge.mean() < 0.6))
    assert edges == {0, 1, 2, 3}


def test_collage_shows_the_whole_image_in_a_quarter() -> None:
    red = Image.new("RGB", (100, 100), "red")
    blue = Image.new("RGB", (100, 100), "blue")
    copy = levels(evasions([blue])["collage"](red, np.random.default_rng(0)))
    assert (copy[..., 0] == 255).mean() == pytest.approx(0.25)


def test_the_small_picture_covers_a_corner() -> None:
    red = Image.new("RGB", (100, 100), "red")
    blue = Image.new("RGB", (100, 100), "blue")
    copy = levels(evasions([blue])["picture in picture"](red, np.random.default_rng(0)))
    assert (copy[..., 2] == 255).mean() == pytest.approx(0.16)


def test_templates_replace_ten_to_twenty_per_cent_and_change_the_aspect_ratio() -> None:
    red = Image.new("RGB", (300, 200), "red")
    blue = Image.new("RGB", (300, 200), "blue")
    ratios = set()
    for seed in range(20):
        copy = template(red, np.random.default_rng(seed), [blue])
        ratios.add(copy.width / copy.height)
        assert 0.05 < (levels(copy)[..., 2] > 127).mean() < 0.3
    assert ratios == {1}


def test_templates_of_square_images_are_not_square(photograph: Image.Image) -> None:
    square = ImageOps.fit(photograph, (300, 300))
    ratios = {
        template(square, np.random.default_rng(seed)).width
        / template(square, np.random.default_rng(seed)).height
        for seed in range(8)
    }
    assert ratios == {0.75, 4 / 3}
