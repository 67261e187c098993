"""Pictures for a page: found by name, small, and part of the page itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection
from pathlib import Path

from PIL import Image

from memguard.errors import UnreadableImageError
from memguard.index import Index
from memguard.vision.decode import decode, to_rgb

EDGE = 200
"""Longer edge, in pixels, of the pictures on a page."""


def find_pictures(index: Index, names: Collection[str]) -> dict[str, Image.Image]:
    """The pictures that can still be had, by name.

    A name that is the uri of a reference gives its thumbnail, as the index compared it; any other
    is read as a file.
    """
    records = index.find_uris(names)
    found: dict[str, Image.Image] = {}
    for name in names:
        record = records.get(name)
        image = record.image() if record and record.has_pixels else _read(name)
        if image is not None:
            found[name] = image
    return found


def picture_uri(image: Image.Image) -> str:
    """A small JPEG of the picture as a data URI."""
    small = to_rgb(image).copy()
    small.thumbnail((EDGE, EDGE))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=85)
    return data_uri(stream.getvalue(), "image/jpeg")


def data_uri(data: bytes, kind: str) -> str:
    """Bytes as a URI that holds them."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"


def _read(name: str) -> Image.Image | None:
    try:
        return decode(Path(name).read_bytes())[0]
    except (OSError, ValueError, UnreadableImageError):
        return None
