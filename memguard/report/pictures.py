"""Pictures for a page: found by name, small, and part of the page itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection
from pathlib import Path

from PIL import Image

from memguard.errors import UnreadableImageError
from memguard.images import decode, to_rgb
from memguard.index import Index
from memguard.index.store import Tables

EDGE = 200
"""Longer edge, in pixels, of the pictures on a page."""


def find_pictures(index: Index, names: Collection[str]) -> dict[str, Image.Image]:
    """The pictures that can still be had, by name.

    A name that is the uri of a reference gives its thumbnail, as the index compared it; any other
    is read as a file.
    """
    manifest = index.manifest
    tables = Tables(index.directory, manifest.records_version, manifest.files_version)
    ids = {entry.uri: entry.id for entry in tables.files() if entry.uri in names}
    wanted = set(ids.values())
    rows = [row for row, known in enumerate(tables.ids()) if known in wanted]
    thumbnails = {record.id: record.image() for record in index.take(rows)}
    found: dict[str, Image.Image] = {}
    for name in names:
        image = thumbnails.get(ids.get(name) or "") or _read(name)
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
