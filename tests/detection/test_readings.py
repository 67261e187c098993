"""What an image may show: without alpha, in numbers, and in small parts of a large canvas."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memguard import Guard, explain
from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.readings import readings
from memguard.index.open import open_index


@pytest.fixture(scope="module")
def detector(gallery: Path) -> Detector:
    index = open_index(gallery)
    return Detector(index, load_descriptors(index.specs))


def transparent(image: Image.Image, mode: str = "RGBA") -> Image.Image:
    """The image with an alpha of 0, and its colours."""
    clear = image.convert("L" if mode == "LA" else "RGB")
    clear.putalpha(0)
    assert clear.mode == mode
    return clear


def on_canvas(image: Image.Image, edge: int, canvas: int, at: tuple[int, int]) -> Image.Image:
    """A small picture on a large white canvas."""
    large = Image.new("RGB", (canvas, canvas), "white")
    large.paste(image.resize((edge, edge)), at)
    return large


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_transparent_copy_is_found(detector: Detector, cat: Image.Image, mode: str) -> None:
    (verdict,) = detector.detect([transparent(cat, mode)])
    assert verdict.label == "memorized"
    assert verdict.matches[0].uri.endswith("chelsea.png")


@pytest.mark.parametrize("ground", ["white", "black", "grey"])
def test_a_copy_in_the_alpha_channel_is_found(
    detector: Detector, cat: Image.Image, ground: str
) -> None:
    image = Image.new("RGBA", cat.size, ground)
    image.putalpha(cat.convert("L"))
    (verdict,) = detector.detect([image])
    assert verdict.label == "memorized"
    assert verdict.matches[0].uri.endswith("chelsea.png")


def test_a_transparent_copy_in_a_file_is_found(
    gallery: Path, cat: Image.Image, tmp_path: Path
) -> None:
    transparent(cat).save(tmp_path / "a.png")
    stream = io.BytesIO()
    transparent(cat).save(stream, "WEBP", lossless=True, exact=True)
    for image in (tmp_path / "a.png", stream.getvalue()):
        (verdict,) = Guard(gallery).check(image)
        assert verdict.label == "memorized"
        assert explain(image, gallery).verdict.label == "memorized"


def test_an_opaque_image_is_seen_once(cat: Image.Image) -> None:
    assert len(readings(cat)) == 1
    assert len(readings(cat.convert("RGBA"))) == 1
    half = cat.convert("RGBA")
    half.putalpha(128)
    assert len(readings(half)) == 3


@pytest.mark.parametrize("white", [1, 255, 65535])
def test_pictures_of_numbers_are_found(detector: Detector, cat: Image.Image, white: int) -> None:
    grey = np.asarray(cat.convert("L"), dtype=np.float32) / 255
    images = [Image.fromarray(grey * white)]
    if white > 1:
        images.append(Image.fromarray((grey * white).astype(np.uint16)))
        images.append(Image.fromarray((grey * white).astype(np.int32)))
    assert [one.label for one in detector.detect(images)] == ["memorized"] * len(images)


@pytest.mark.parametrize("colour", [0, 127, 255])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "F"])
def test_a_blank_image_shows_nothing(mode: str, colour: int) -> None:
    assert readings(Image.new("L", (3000, 1000), colour).convert(mode)) == []
    assert readings(Image.new("L", (1, 1), colour).convert(mode)) == []


def test_faint_noise_shows_nothing() -> None:
    noise = np.random.default_rng(0).normal(30, 3, (700, 500, 3)).clip(0, 255).astype(np.uint8)
    assert readings(Image.fromarray(noise)) == []


@pytest.mark.parametrize("at", [(0, 0), (1311, 2500), (3904, 3904)])
def test_a_small_copy_on_a_large_canvas_is_found(
    detector: Detector, cat: Image.Image, at: tuple[int, int]
) -> None:
    edge, canvas = 96, 4000
    (verdict,) = detector.detect([on_canvas(cat, edge, canvas, at)])
    assert verdict.label == "memorized"
    region = verdict.matches[0].region
    assert region is not None
    x, y = np.array(region.query).T * canvas
    assert at[0] - 2 <= x.min() <= x.max() <= at[0] + edge + 2
    assert at[1] - 2 <= y.min() <= y.max() <= at[1] + edge + 2
    assert region.share_of_query <= (edge / canvas) ** 2 * 1.05


def test_points_far_apart_are_read_where_they_show_most() -> None:
    sky = np.zeros((2000, 3000, 3), np.uint8)
    sky[5, 5] = sky[1990:1996, 2990:2996] = 255
    (reading,) = readings(Image.fromarray(sky))
    assert reading.box == (2944, 1984, 3000, 2000)
