"""Thumbnails: small, near the original, of a bounded size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from memguard.index.thumbnails import MAX_ASPECT, SHORT_EDGE, encode
from memguard.picture import Picture


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_photograph_keeps_its_shape_and_its_pixels(photographs: dict[str, Image.Image]) -> None:
    for name, image in photographs.items():
        data = encode(image)
        small = decoded(data)
        assert small.format == "JPEG"
        assert min(small.size) == SHORT_EDGE
        assert small.width / small.height == pytest.approx(image.width / image.height, rel=0.01)
        assert len(data) < 32_000
        error = np.sqrt(np.mean((Picture(small).square - Picture(image).square) ** 2))
        assert error < 0.03, name


def test_a_small_image_is_kept_without_loss(cat: Image.Image) -> None:
    small = cat.resize((100, 67))
    assert decoded(encode(small)).format == "PNG"
    assert decoded(encode(small)).tobytes() == small.tobytes()


@pytest.mark.parametrize("size", [(1, 1), (1, 9000), (9000, 1), (90, 9000), (9000, 200)])
def test_strips_are_squeezed(cat: Image.Image, size: tuple[int, int]) -> None:
    thumbnail = decoded(encode(cat.resize(size)))
    assert max(thumbnail.size) <= SHORT_EDGE * MAX_ASPECT
    assert min(thumbnail.size) <= SHORT_EDGE
    assert thumbnail.mode == "RGB"
