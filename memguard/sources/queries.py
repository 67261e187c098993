"""What names of images mean: files, folders, patterns, addresses, or a list on standard input."""

from __future__ import annotations

import glob
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from memguard.errors import MemguardError, UnreadableImageError
from memguard.sources.base import BrokenItem, Item
from memguard.sources.cursor import file_state
from memguard.sources.folder import Folder
from memguard.sources.items import FileItem, UrlItem

STDIN = "-"
"""A list on standard input, one image a line."""


@dataclass(frozen=True)
class Query:
    """An image to check, not yet read; ``name`` is as the user wrote it."""

    name: str
    item: Item

    def read(self) -> bytes:
        """The encoded image, with the limits of sources.

        Raises:
            UnreadableImageError: it cannot be read; the message says why, without the name.
        """
        try:
            return self.item.read()
        except (OSError, MemguardError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise UnreadableImageError(reason) from error


def find_queries(named: Iterable[str]) -> Iterator[Query]:
    """The images that these names mean.

    A folder, or a pattern such as ``out/**/*.png``, means all images in it, in the order of their
    paths; ``-`` means the lines of standard input. What means no image is a query that cannot be
    read. An image that is named twice is one query.
    """
    known = set()
    for query in _found(named):
        if query.name not in known:
            known.add(query.name)
            yield query


def _found(named: Iterable[str]) -> Iterator[Query]:
    for name in named:
        if name == STDIN:
            lines = (line.strip() for line in sys.stdin)
            yield from _found(line for line in lines if line not in ("", STDIN))
        elif "://" in name:
            yield Query(name, UrlItem(uri=name, state="", address=name))
        elif glob.has_magic(name) and not Path(name).exists():
            yield from _matching(name)
        else:
            yield from _at(Path(name))


def _matching(pattern: str) -> Iterator[Query]:
    found = sorted(glob.glob(pattern, recursive=True))
    if not found:
        yield _broken(pattern, "no file matches this pattern")
    for name in found:
        yield from _at(Path(name))


def _at(path: Path) -> Iterator[Query]:
    if not path.is_dir():
        yield Query(str(path), FileItem(uri=str(path), state=file_state(path), path=path))
        return
    folder = Folder(path)
    item = None
    for item in folder.iterate():
        name = path / Path(item.uri).relative_to(folder.root)
        yield Query(str(name), item)
    if item is None:
        yield _broken(str(path), "the folder holds no image files")


def _broken(name: str, reason: str) -> Query:
    return Query(name, BrokenItem(uri=name, state="", error=UnreadableImageError(reason)))
