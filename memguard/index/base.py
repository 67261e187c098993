"""The two interfaces of an index, in a directory or in Milvus: one to read it, one to change it."""

from __future__ import annotations

import copy
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.index.origin import Origin
from memguard.index.record import Record
from memguard.index.store.documents import EXEMPTIONS
from memguard.index.store.exemptions import Change, Exemptions
from memguard.notebook import card
from memguard.sources.base import Source

if TYPE_CHECKING:
    from typing_extensions import Self

BACKGROUND_REFERENCES = 1000
"""References that score normalisation compares a query with; more change little."""


@dataclass(frozen=True)
class Health:
    """The answer of an index that can serve.

    Attributes:
        name: the index.
        records: training images that searches find.
        outdated: whether there is another version now, so that it should be opened again.
        newest: training images in that version, where the index knows.
        suspended: ids of references that a guard no longer lets block by themselves
            (:data:`memguard.pipelines.suspects.Quarantine`).
        suspects: ids of references that decide too many images, and still block.
    """

    name: str
    records: int
    outdated: bool = False
    newest: int | None = None
    suspended: tuple[str, ...] = ()
    suspects: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """How far a build is.

    Attributes:
        done: files so far.
        total: files of the source, or None where that is not known.
        unreadable: how many of those done hold no image.
    """

    done: int
    total: int | None
    unreadable: int


@dataclass(frozen=True)
class BuildSummary:
    """What a build did.

    Attributes:
        path: the index.
        records: distinct images in the index now.
        added: records that this build added.
        skipped: files that an earlier build or step had already seen.
        duplicates: files of this build whose bytes were already known.
        blocked: files of this build whose image was removed before, and is not taken in again.
        unreadable: every unreadable file of the index, with the reason.
        seconds: wall-clock time of this build.
    """

    path: str
    records: int
    added: int
    skipped: int
    duplicates: int
    blocked: int
    unreadable: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Removal:
    """What a takedown did.

    Attributes:
        path: the index.
        removed: ids of the records that this takedown deleted.
        records: training images that searches find now.
    """

    path: str
    removed: tuple[str, ...]
    records: int


class Index(ABC):
    """The training set, opened for reading: search by descriptor, then look at the records.

    A *row* is an integer that names a reference for as long as the index is open.

    Copies of an open index share its files. Pickled, it is only named: it is opened again where it
    is unpickled, at the newest version.

    Attributes:
        excluded_ids: ids of the records that :meth:`excluding` left out.
    """

    excluded_ids: frozenset[str] = frozenset()

    def __copy__(self) -> Self:
        same = object.__new__(type(self))
        same.__dict__ = dict(self.__dict__)
        return same

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _opened, (type(self), self.address, self.excluded_ids)

    @classmethod
    @abstractmethod
    def open(cls, path: str | os.PathLike[str]) -> Index:
        """Open the index at a path or address."""

    @property
    def address(self) -> str:
        """Where another process of this machine opens it; without a password."""
        return self.name

    @property
    @abstractmethod
    def name(self) -> str:
        """The directory, or the address without its password, for commands and messages."""

    @property
    @abstractmethod
    def specs(self) -> tuple[DescriptorSpec, ...]:
        """The descriptors whose vectors the index holds."""

    @property
    def revision(self) -> int | None:
        """The number of this version; None where an index has no versions."""
        return None

    @property
    def fingerprint(self) -> str | None:
        """The SHA-256 of the manifest, and so of all that the index holds; None where it is not
        known."""
        return None

    @abstractmethod
    def __len__(self) -> int:
        """Training images that searches find: no deleted ones, no canaries."""

    def __repr__(self) -> str:
        names = ", ".join(spec.name for spec in self.specs)
        return f"Index({self.name!r}: {len(self)} references; {names})"

    def _repr_html_(self) -> str:
        rows = {spec.name: f"{spec.model}, {spec.metric}, {spec.dimension}" for spec in self.specs}
        return card(f"{self.name}: {len(self)} references", rows)

    @abstractmethod
    def search(
        self, name: str, vectors: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest references in one descriptor, never a deleted one or a canary.

        Args:
            name: the descriptor.
            vectors: shape (n, width), uint8 for hashes, float32 otherwise.
            k: neighbours a vector; fewer come back where the index holds fewer.

        Returns:
            Distances in the units of the descriptor's metric, float32 (n, <= k), ascending, and
            rows, int64; infinity and -1 where a vector has fewer than another.
        """

    @abstractmethod
    def take(self, rows: Sequence[int]) -> list[Record]:
        """The records in these rows, in that order."""

    @abstractmethod
    def sample(self, count: int, rng: np.random.Generator) -> list[int]:
        """Rows of at most ``count`` references that have pixels, in random order."""

    @abstractmethod
    def find(self, id: str) -> Record | None:
        """The record with this content hash, or None."""

    @abstractmethod
    def find_uris(self, uris: Collection[str]) -> dict[str, Record]:
        """The records of those of these files that are references."""

    @abstractmethod
    def excluding(self, ids: Collection[str]) -> Index:
        """The same index with these records excluded from its searches."""

    @abstractmethod
    def background(self, name: str) -> NDArray[Any]:
        """A descriptor's vectors of references spread over the index, for score normalisation.

        Shape (n, width), where n is at most BACKGROUND_REFERENCES.
        """

    @abstractmethod
    def read_document(self, name: str) -> bytes | None:
        """A document (:mod:`memguard.index.store.documents`), or None."""

    def exemptions(self) -> Exemptions:
        """The references that do not block, as stored in the index.

        Raises:
            IndexUnavailableError: the list is damaged.
        """
        return Exemptions.from_bytes(self.read_document(EXEMPTIONS), self.name)

    @abstractmethod
    def health(self) -> Health:
        """Search for the canaries again.

        Raises:
            IndexUnavailableError: a descriptor's search does not find them, or fails.
        """


def _opened(kind: type[Index], address: str, excluded_ids: frozenset[str]) -> Index:
    index = kind.open(address)
    return index.excluding(excluded_ids) if excluded_ids else index


class IndexWriter(ABC):
    """Changes an index, one writer at a time.

    Readers of a directory see a change when they open the index again, readers of Milvus in their
    next search.

    Raises:
        IndexUnavailableError: by every method, where there is no finished index; only :meth:`add`
            makes one, in a directory.
        BuildError: where somebody else changes the index.
    """

    @property
    @abstractmethod
    def specs(self) -> tuple[DescriptorSpec, ...]:
        """The descriptors of the index."""

    @abstractmethod
    def add(
        self,
        source: Source,
        descriptors: Sequence[Descriptor],
        *,
        workers: int | None = None,
        memory: int | None = None,
        ray: str | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> BuildSummary:
        """Index the images of a source that are neither in the index nor blocked.

        Args:
            source: where the images come from.
            descriptors: what to compute; must equal those of an index already there.
            workers: decoding processes; 0 decodes in this process; by default one per core.
            memory: bytes that searches of an index in a directory may occupy; None for no limit.
            ray: a Ray cluster that reads and describes for a directory, in place of ``workers``.
            on_progress: called after every chunk of images.

        Raises:
            BuildError: no images, or an index with other descriptors.
            WeightsError: an index that was built with other weights.
        """

    @abstractmethod
    def remove(self, ids: Collection[str]) -> Removal:
        """Delete records from every search, and block their ids for later builds and pushes.

        Raises:
            ConfigurationError: an id that the index does not hold.
        """

    @abstractmethod
    def readmit(self, ids: Collection[str]) -> Removal:
        """Unblock ids: records still there are found again, others may be added again."""

    @abstractmethod
    def find_ids(self, uri: str) -> list[str]:
        """The ids of the records with this file's path or published address, sorted."""

    @abstractmethod
    def find_ids_of(self, origin: Origin) -> list[str]:
        """The ids of the records of this origin that are not removed, sorted.

        An image whose bytes stand in several files is of the origin of each of them. In Milvus,
        which knows one file of each image, it is of that one's.
        """

    @abstractmethod
    def require(self, ids: Collection[str]) -> None:
        """Refuse ids that no record has.

        Raises:
            ConfigurationError: one of them.
        """

    @abstractmethod
    def exempt(self, change: Change) -> Exemptions:
        """Add a change to the list of references that do not block, in one step.

        Readers see it when they open or reload the index.
        """

    @abstractmethod
    def write_document(self, name: str, data: bytes | None) -> None:
        """Replace a document in one step; None deletes it."""
