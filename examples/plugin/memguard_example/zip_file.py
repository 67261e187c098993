"""Images in a ZIP file."""

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from memguard.sources.base import BytesItem, Item, Place

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


class ZipFile:
    """The images in a ZIP file, in the order of their names."""

    reads: ClassVar[str] = "a ZIP file of images"

    @classmethod
    def recognises(cls, place: Place) -> bool:
        return place.suffix == ".zip"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).resolve()

    @property
    def name(self) -> str:
        return f"zip {self.path}"

    def size(self) -> int:
        return len(self._names())

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        names = self._names()
        start = names.index(after) + 1 if after in names else 0
        with zipfile.ZipFile(self.path) as archive:
            for name in names[start:]:
                yield BytesItem(
                    uri=f"{self.path}#{name}",
                    state=f"{archive.getinfo(name).CRC:08x}",
                    position=name,
                    data=archive.read(name),
                )

    def _names(self) -> list[str]:
        with zipfile.ZipFile(self.path) as archive:
            return sorted(one for one in archive.namelist() if one.lower().endswith(SUFFIXES))
