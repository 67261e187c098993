"""A list of image files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from memguard.errors import ConfigurationError
from memguard.sources.base import Item
from memguard.sources.folder import file_items, walk

NAMED_DIGITS = 16
"""Hexadecimal digits of the list's hash in its name."""


class Files:
    """Image files, and the image files below folders, in the order of their paths.

    Captions and rights are found as by :class:`memguard.sources.folder.Folder`.

    Args:
        paths: of files and folders.

    Raises:
        ConfigurationError: one of them is no path.
    """

    def __init__(self, paths: Iterable[str | os.PathLike[str]]) -> None:
        found: set[Path] = set()
        self._errors: list[OSError] = []
        for path in map(_absolute, paths):
            for each in walk(path) if path.is_dir() else [path]:
                if isinstance(each, OSError):
                    self._errors.append(each)
                else:
                    found.add(each)
        self.paths = sorted(found, key=lambda path: path.parts)

    @property
    def name(self) -> str:
        text = "\n".join(map(str, self.paths))
        digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
        return f"{len(self.paths)} files {digest[:NAMED_DIGITS]}"

    def size(self) -> int:
        return len(self.paths) + len(self._errors)

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        return file_items([*self._errors, *self.paths], after)


def _absolute(path: object) -> Path:
    if not isinstance(path, (str, os.PathLike)):
        raise ConfigurationError(
            f"a list of training images holds paths, not a {type(path).__name__}; save images to "
            "files first"
        )
    return Path(os.path.abspath(path))
