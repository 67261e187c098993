"""A folder tree of image files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from memguard.errors import BuildError
from memguard.sources.base import Item

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
"""File name endings that are read, whatever their case; other files are no images."""


class Folder:
    """The image files below ``root``, in the order of their paths.

    A text file of the same name (``cat.jpg`` and ``cat.txt``) is the image's caption.

    Raises:
        BuildError: ``root`` is no folder.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root).resolve()
        if not self.root.is_dir():
            raise BuildError(f"{root} is not a folder; name the folder that holds the images")
        self._paths = sorted(self._walk())

    def __len__(self) -> int:
        return len(self._paths)

    def __iter__(self) -> Iterator[Item]:
        for path in self._paths:
            yield Item(str(path), path, _state(path), _caption(path.with_suffix(".txt")))

    def _walk(self) -> Iterator[Path]:
        for folder, subfolders, names in os.walk(self.root, followlinks=True):
            subfolders[:] = [name for name in subfolders if not _leads_back(folder, name)]
            for name in names:
                if os.path.splitext(name)[1].lower() in SUFFIXES:
                    yield Path(folder, name)


def _leads_back(folder: str, name: str) -> bool:
    """Whether this is a link to a folder above it: its images would be found without end."""
    path = Path(folder, name)
    return path.is_symlink() and Path(folder).resolve().is_relative_to(path.resolve())


def _state(path: Path) -> str:
    try:
        status = path.stat()
    except OSError:
        return "unreadable"
    return f"{status.st_size}-{status.st_mtime_ns}"


def _caption(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
