"""One cell of an image column, as Parquet and Hugging Face ``datasets`` hold images."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from memguard.errors import UnreadableImageError
from memguard.sources.base import BrokenItem, BytesItem, Item
from memguard.sources.cursor import FileItem
from memguard.sources.fetching import UrlItem


def item_of(cell: Any, **fields: Any) -> Item:
    """The item of a cell: bytes, or a mapping of ``bytes`` and ``path``.

    Args:
        cell: what the column holds in this row.
        fields: the other attributes of the item.
    """
    data, path = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if data is not None:
        return BytesItem(data=data, **fields)
    if path is None:
        return BrokenItem(error=UnreadableImageError("the row holds no image"), **fields)
    if "://" in path:
        return UrlItem(address=path, **fields)
    return FileItem(path=Path(path), **fields)


def is_image(data: bytes) -> bool:
    """Whether these bytes begin as a file that Pillow knows."""
    try:
        with Image.open(io.BytesIO(data)):
            return True
    except Exception:  # Pillow raises all kinds on odd headers
        return False
