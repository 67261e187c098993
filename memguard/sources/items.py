"""Kinds of items: files, addresses, and cells of an image column."""

from __future__ import annotations

import errno
import io
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from memguard._optional import require
from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.files import read_regular
from memguard.sources.base import BrokenItem, BytesItem, Item
from memguard.sources.cursor import file_state

ATTEMPTS = 3
"""Attempts at an address in one build."""

PAUSE_SECONDS = 0.5
"""Pause before the second attempt; doubled before each further one."""

SILENCE_SECONDS = 30.0
"""Timeout of connecting to a server, and of its silence while it answers."""


ADDRESS_SECONDS = 300.0
"""Timeout of one attempt at an address: a server may not drip for ever."""


@dataclass(frozen=True, kw_only=True)
class FileItem(Item):
    """An image file."""

    path: Path

    def read(self) -> bytes:
        return read_regular(self.path)

    def state_now(self) -> str:
        return file_state(self.path)


@dataclass(frozen=True, kw_only=True)
class UrlItem(Item):
    """An image behind a URL or object-store URI."""

    address: str

    def read(self) -> bytes:
        """The encoded image.

        Raises:
            OSError: it cannot be read now.
            ConfigurationError: the package that this kind of address needs is not installed.
        """
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_SECONDS * 2 ** (attempt - 1))
            try:
                return _fetched(self.address)
            except FileNotFoundError as error:
                raise FileNotFoundError(errno.ENOENT, "nothing is there", self.address) from error
            except ConfigurationError:
                raise
            except ImportError as error:
                raise ConfigurationError(
                    f"{self.address} cannot be read: {error}; pip install 'memguard[remote]', or "
                    "the package named here"
                ) from error
            except Exception as error:  # each protocol's library has errors of its own
                failure = error
        raise OSError(
            f"not reachable in {ATTEMPTS} attempts: {failure or type(failure).__name__}"
        ) from failure


def item_of(cell: Any, **fields: Any) -> Item:
    """The item of a cell: bytes, or a mapping of ``bytes`` and ``path``.

    Args:
        cell: the cell's value.
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
    """Whether these bytes begin like a file that Pillow reads."""
    try:
        with Image.open(io.BytesIO(data)):
            return True
    except Exception:  # Pillow raises all kinds on odd headers
        return False


def _fetched(address: str) -> bytes:
    fsspec = require("fsspec", extra="remote")
    options = {"client_kwargs": {"timeout": _timeout()}} if address.startswith("http") else {}
    system, path = fsspec.url_to_fs(address, **options)
    return bytes(system.cat_file(path))


def _timeout() -> Any:
    aiohttp = require("aiohttp", extra="remote")
    return aiohttp.ClientTimeout(
        total=ADDRESS_SECONDS, sock_connect=SILENCE_SECONDS, sock_read=SILENCE_SECONDS
    )
