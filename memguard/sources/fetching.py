"""Images behind URLs and object-store URIs, read through ``fsspec``."""

from __future__ import annotations

import errno
import time
from dataclasses import dataclass
from typing import Any

from memguard._optional import require
from memguard.errors import ConfigurationError
from memguard.sources.base import Item

ATTEMPTS = 3
"""Times that an address is tried before it is given up until the next build."""

PAUSE = 0.5
"""Seconds before the second attempt; twice as long before each further one."""

PATIENCE = 30.0
"""Seconds that a server may stay silent."""


@dataclass(frozen=True, kw_only=True)
class UrlItem(Item):
    """An image behind a URL or object-store URI."""

    address: str

    def read(self) -> bytes:
        """The encoded image.

        Raises:
            OSError: it is not to be had now.
            ConfigurationError: the package that this kind of address needs is not installed.
        """
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE * 2 ** (attempt - 1))
            try:
                return _fetched(self.address)
            except FileNotFoundError as error:
                raise FileNotFoundError(errno.ENOENT, "nothing is there", self.address) from error
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


def _fetched(address: str) -> bytes:
    fsspec = require("fsspec", extra="remote")
    options = {"client_kwargs": {"timeout": _timeout()}} if address.startswith("http") else {}
    system, path = fsspec.url_to_fs(address, **options)
    return bytes(system.cat_file(path))


def _timeout() -> Any:
    aiohttp = require("aiohttp", extra="remote")
    return aiohttp.ClientTimeout(total=None, sock_connect=PATIENCE, sock_read=PATIENCE)
