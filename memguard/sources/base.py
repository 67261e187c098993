"""The protocol of a source: an iterator of the images it holds, each readable on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Item:
    """One image of a source, not yet read; picklable, so that a worker process can read it.

    Attributes:
        uri: names the image for good; the builder skips a uri whose ``state`` it has seen.
        path: the file that holds the bytes.
        state: changes when the bytes may have changed, e.g. size and modification time.
        caption: the training caption, where there is one.
    """

    uri: str
    path: Path
    state: str
    caption: str | None = None

    def read(self) -> bytes:
        """The encoded image.

        Raises:
            OSError: it cannot be read.
        """
        return self.path.read_bytes()


class Source(Protocol):
    """Where training images come from."""

    def __iter__(self) -> Iterator[Item]: ...

    def __len__(self) -> int: ...
