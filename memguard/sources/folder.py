"""A folder tree of image files."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from memguard.errors import BuildError
from memguard.files import read_regular
from memguard.sources.base import BrokenItem, Item, Place
from memguard.sources.cursor import UNREADABLE, Position, file_state, now
from memguard.sources.items import FileItem
from memguard.sources.metadata import described

SUFFIXES = frozenset(
    [
        ".avif",
        ".bmp",
        ".dib",
        ".gif",
        ".jfif",
        ".jpe",
        ".jpeg",
        ".jpg",
        ".jp2",
        ".pbm",
        ".pgm",
        ".png",
        ".pnm",
        ".ppm",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
"""Suffixes of image files, in lower case; upper case is read too."""

Identity = tuple[int, int]
"""Device and inode of a folder."""


class Folder:
    """The image files below ``root``, in the order of their paths.

    A text file of the same name (``cat.jpg`` and ``cat.txt``) is the image's caption; a JSON file
    (``cat.json``, as img2dataset writes it) has caption, url and rights. One folder's names are
    held in memory at a time.

    Raises:
        BuildError: ``root`` is not a folder.
    """

    reads: ClassVar[str] = "a folder of image files"

    @classmethod
    def recognises(cls, place: Place) -> bool:
        return place.path.is_dir()

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise BuildError(f"{root} is not a folder; name the folder that holds the images")

    @property
    def name(self) -> str:
        return f"folder {self.root}"

    def size(self) -> int:
        return self._count

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        return file_items(walk(self.root), after)

    @cached_property
    def _count(self) -> int:
        return sum(1 for _ in walk(self.root))


def file_items(paths: Iterable[Path | OSError], after: str | None) -> Iterator[Item]:
    """An item of each file, with the metadata beside it.

    Args:
        paths: files in the order of their parts, and errors of what could not be listed.
        after: see :meth:`memguard.sources.base.Source.iterate`.
    """
    resumed = Position.parse(after)
    since = resumed.since if resumed else now()
    for path in paths:
        if isinstance(path, OSError):
            yield BrokenItem(uri=_text(path.filename), state=UNREADABLE, error=path)
        elif not (resumed and resumed.covers(path)):
            state = file_state(path)
            yield FileItem(
                uri=_text(path),
                state=state,
                position=str(Position(since, str(path), state)),
                again=resumed is not None and resumed.is_past(path),
                path=path,
                **_metadata(path),
            )


def _text(path: str | os.PathLike[str]) -> str:
    """The path as text, with ``\\xe9`` for a byte of it that is no UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def walk(folder: Path, above: frozenset[Identity] | None = None) -> Iterator[Path | OSError]:
    """Image files in the order of their paths, and the errors of folders that do not open.

    Linked folders are followed, but not into a folder that the walk is in already.

    Args:
        folder: where to begin.
        above: the folders that the walk is in; by default all above the folder.
    """
    names, folders = [], set()
    try:
        if above is None:
            above = frozenset(_identity(parent) for parent in folder.resolve().parents)
        here = _identity(folder)
        if here in above:
            return
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.add(entry.name)
                elif os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
                    continue
                names.append(entry.name)
    except OSError as error:
        yield error
        return
    for name in sorted(names):
        if name in folders:
            yield from walk(folder / name, above | {here})
        else:
            yield folder / name


def _identity(folder: Path) -> Identity:
    """Of a folder, however it is reached."""
    status = folder.stat()
    return status.st_dev, status.st_ino


def _metadata(path: Path) -> dict[str, Any]:
    """Caption, rights and url of an image, from the .txt and .json files of its name."""
    try:
        metadata = json.loads(read_regular(path.with_suffix(".json")))
        found = described(metadata if isinstance(metadata, dict) else {})
    except (OSError, ValueError, RecursionError):
        found = described({})
    with contextlib.suppress(OSError):
        text = read_regular(path.with_suffix(".txt")).decode(errors="replace")
        caption = text.replace("\r\n", "\n").strip()
        found["caption"] = caption or found["caption"]
    return found
