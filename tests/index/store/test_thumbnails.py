"""Thumbnails: small, near the original, of a bounded size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from memguard.index.store.thumbnails import (
    EDGE_PX,
    LOSSLESS_EDGE_PX,
    encode,
    encode_reference,
)
from memguard.vision.picture import Picture, Thumbnail


def decoded(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_photograph_keeps_its_shape_and_its_pixels(photographs: dict[str, Image.Image]) -> None:
    for name, image in photographs.items():
        data = encode(image)
        small = decoded(data)
        assert small.format == "JPEG"
        assert max(small.size) == EDGE_PX
        assert small.width / small.height == pytest.approx(image.width / image.height, rel=0.01)
        assert len(data) < 40_000
        error = np.sqrt(np.mean((Picture(small).square - Picture(image).square) ** 2))
        assert error < 0.015, name


def test_a_small_image_is_kept_without_loss(cat: Image.Image) -> None:
    for size in ((LOSSLESS_EDGE_PX, 85), (85, LOSSLESS_EDGE_PX), (7, 5)):
        small = cat.resize(size)
        assert decoded(encode(small)).format == "PNG"
        assert decoded(encode(small)).tobytes() == small.tobytes()


def test_an_image_is_never_enlarged(cat: Image.Image) -> None:
    thumbnail = decoded(encode(cat.resize((LOSSLESS_EDGE_PX + 1, 85))))
    assert (thumbnail.format, thumbnail.size) == ("JPEG", (LOSSLESS_EDGE_PX + 1, 85))


@pytest.mark.parametrize("size", [(1, 1), (1, 9000), (9000, 1), (90, 9000), (9000, 200)])
def test_strips_are_squeezed(cat: Image.Image, size: tuple[int, int]) -> None:
    thumbnail = decoded(encode(cat.resize(size)))
    assert max(thumbnail.size) == min(EDGE_PX, max(size))
    assert thumbnail.mode == "RGB"


def test_a_reference_s_thumbnail_carries_its_layout(cat: Image.Image) -> None:
    for image in (cat, cat.resize((40, 30))):
        data = encode_reference(image)
        assert decoded(data).tobytes() == decoded(encode(image)).tobytes()
        known = Thumbnail(data)
        assert "layout" in vars(known)
        assert "levels" not in vars(known)
        again = Picture(decoded(data))
        np.testing.assert_array_equal(known.levels, again.levels)
        assert known.layout.to_bytes() == again.layout.to_bytes()


def test_a_thumbnail_of_an_older_version_has_its_layout_computed(cat: Image.Image) -> None:
    older = Thumbnail(encode(cat))
    assert "layout" not in vars(older)
    assert older.layout.to_bytes() == Thumbnail(encode_reference(cat)).layout.to_bytes()


def test_a_damaged_thumbnail_is_no_picture() -> None:
    with pytest.raises(ValueError, match="damaged"):
        _ = Thumbnail(b"no image").pixels
