"""The protocol of a source: an iterator over images, each readable on its own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from numpy.typing import NDArray

from memguard.errors import UnreadableImageError

if TYPE_CHECKING:
    from memguard.descriptors.base import DescriptorSpec

RETRY = "retry"
"""The state that a build records if the next build must read the item again: its bytes changed
while they were read, or could not be read this time. No item has this state."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One image of a source, not yet read; picklable, so that a worker process can read it.

    Attributes:
        uri: the image's permanent name; the builder skips a uri whose ``state`` it has seen.
        state: changes when the bytes may have changed, e.g. size and modification time.
        position: where :meth:`Source.iterate` resumes after this item; empty if it cannot resume
            here, and the last position holds.
        again: whether it lies before the position that the iteration resumed from, and is yielded
            because it may have changed since.
        caption: the training caption, if any.
        rights: licence or copyright notice in the source's metadata, on one line.
        url: where the image was published, if the metadata says so.
        vectors: descriptor name to a float32 unit vector, shape (width,), of an image whose pixels
            the source lacks; None for an image to be read.
    """

    uri: str
    state: str
    position: str = ""
    again: bool = False
    caption: str | None = None
    rights: str | None = None
    url: str | None = None
    vectors: Mapping[str, NDArray[Any]] | None = field(default=None, compare=False)

    @property
    def has_pixels(self) -> bool:
        """Whether :meth:`read` returns an image; otherwise there are only :attr:`vectors`."""
        return self.vectors is None

    def read(self) -> bytes:
        """The encoded image.

        Raises:
            OSError: it cannot be read now; the next build tries again.
            UnreadableImageError: there is none.
        """
        raise UnreadableImageError("the source holds no pixels of this image")

    def state_now(self) -> str:
        """The state now; differs from ``state`` if the bytes may have changed since."""
        return self.state


@dataclass(frozen=True, kw_only=True)
class BytesItem(Item):
    """An image whose bytes are in memory."""

    data: bytes = field(repr=False)

    def read(self) -> bytes:
        return self.data


@dataclass(frozen=True, kw_only=True)
class BrokenItem(Item):
    """An image or file that a source could not read, for the build's list of unreadable ones.

    Attributes:
        error: raised by :meth:`read`; an OSError is tried again by the next build.
    """

    error: OSError | UnreadableImageError = field(compare=False)

    def read(self) -> bytes:
        raise self.error


@runtime_checkable
class Source(Protocol):
    """Where training images come from."""

    @property
    def name(self) -> str:
        """The source's identity; a position belongs to the source of this name."""
        ...

    def size(self) -> int | None:
        """The number of items, for progress; None if only reading everything would reveal it."""
        ...

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        """The items in a stable order, read lazily.

        Args:
            after: the :attr:`Item.position` of the last committed item. What follows it is
                yielded, and what before it may have changed since. A position that no longer fits
                starts over; the builder knows items that it has seen by uri and state.
        """
        ...


@runtime_checkable
class Embedded(Protocol):
    """A source of embeddings, which suit the descriptor that made them and no other."""

    @property
    def descriptor(self) -> str:
        """The descriptor's name."""
        ...

    def require(self, specs: Sequence[DescriptorSpec]) -> None:
        """Refuse to be indexed without the descriptor that made the embeddings.

        Raises:
            ConfigurationError: it is not among these, or it is another model.
        """
        ...


@dataclass(frozen=True)
class Place:
    """What :func:`memguard.sources.open_source` is asked to open.

    Attributes:
        what: a path, pattern or name.
        options: keyword arguments for the source's class.
    """

    what: str | os.PathLike[str]
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.what)

    @property
    def path(self) -> Path:
        return Path(self.what)

    @property
    def suffix(self) -> str:
        """The lower-case suffix of a file; empty for anything else."""
        return self.path.suffix.lower() if self.path.is_file() else ""

    @cached_property
    def suffixes_inside(self) -> frozenset[str]:
        """The lower-case suffixes in the two top levels of a folder."""
        found = (one for pattern in ("*", "*/*") for one in self.path.glob(pattern))
        return frozenset(one.suffix.lower() for one in found)


class NamedSource(Source, Protocol):
    """A source that :func:`memguard.sources.open_source` can find.

    Its class is called with what it recognised, and keyword arguments.

    Attributes:
        reads: what it reads, for error messages: "a folder of image files".
    """

    reads: ClassVar[str]

    @classmethod
    def recognises(cls, place: Place) -> bool:
        """Whether this source reads what is there.

        Raises:
            ConfigurationError: it would, but something must be changed first.
        """
        ...
