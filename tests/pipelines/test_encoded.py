"""Encoded images in memory: told from other bytes, read whole or not at all, written again."""

from __future__ import annotations

import io

import numpy as np
import pytest
from fixtures.guarded_images import drawing
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.encoded import READABLE, encoded_like, image_format, read_encoded


def saved(name: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or drawing(1)).save(stream, name, **options)
    return stream.getvalue()


@pytest.mark.parametrize("name", READABLE)
def test_every_format_is_told_read_and_written_again(name: str) -> None:
    data = saved(name)
    assert image_format(data) == name
    seen = np.asarray(read_encoded(data).convert("RGB"), dtype=float)
    assert np.abs(seen - np.asarray(drawing(1), dtype=float)).mean() < 10
    other = read_encoded(encoded_like(drawing(2), data))
    assert (other.format, other.size) == (name, drawing(2).size)
    assert np.abs(np.asarray(other.convert("RGB")) - np.asarray(drawing(2), float)).mean() < 10


def test_the_mode_is_kept_and_the_metadata_is_not() -> None:
    transparent = drawing(1).convert("RGBA")
    transparent.putalpha(0)
    assert read_encoded(saved("PNG", transparent)).mode == "RGBA"
    data = saved("JPEG", comment=b"a secret")
    assert b"a secret" in data
    assert b"a secret" not in encoded_like(drawing(2), data)


@pytest.mark.parametrize(
    "data", [b"", b"text", b"\0" * 99, b"RIFF1234WAVEfmt ", b"OggS", b"BM"[:1]]
)
def test_other_bytes_are_no_image(data: bytes) -> None:
    assert image_format(data) is None
    with pytest.raises(UnsupportedOutputError, match="no image"):
        read_encoded(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\0\0\0 ftypisom....",
        b"\0\0\0 ftypheic....",
        b"RIFF....AVI LIST",
        b"<svg xmlns=''>",
        b"%PDF-1.7",
    ],
)
def test_bytes_that_may_show_pictures_are_refused(data: bytes) -> None:
    with pytest.raises(UnsupportedOutputError, match=r"cannot read an?"):
        image_format(data)


@pytest.mark.parametrize("name", READABLE)
def test_a_damaged_image_is_refused(name: str) -> None:
    data = saved(name)
    with pytest.raises(UnsupportedOutputError, match=r"damaged|cannot be read"):
        read_encoded(data[: len(data) // 2])


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "TIFF"])
def test_an_animation_is_refused(name: str) -> None:
    """Its second picture would be shown unchecked."""
    with pytest.raises(UnsupportedOutputError, match="animation of 2 pictures"):
        read_encoded(saved(name, save_all=True, append_images=[drawing(2)]))
