"""What the detector, a guard, calibration and reports ask of an index, wherever it is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.record import Record

BACKGROUND = 1000
"""References that score normalisation compares a query with; more change little."""


@dataclass(frozen=True)
class Health:
    """What an index answers that is fit to serve.

    Attributes:
        name: the index.
        records: training images that its searches can find.
        outdated: whether a newer version of it is there, so that opening it again is worth it.
    """

    name: str
    records: int
    outdated: bool = False


@dataclass(frozen=True)
class Removal:
    """What a takedown did.

    Attributes:
        path: the index.
        removed: ids that no search finds any more, by this takedown.
        records: images that the index holds now.
    """

    path: str
    removed: tuple[str, ...]
    records: int


class Index(ABC):
    """The training set, opened for reading: search by descriptor, then look at the records.

    A *row* is an integer that names a reference for as long as the index is open.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """How commands and messages name it: the directory, or the address without a password."""

    @property
    @abstractmethod
    def specs(self) -> tuple[DescriptorSpec, ...]:
        """The descriptors whose vectors the index holds."""

    @abstractmethod
    def __len__(self) -> int:
        """Training images that can be found: without removed ones and canaries."""

    def __repr__(self) -> str:
        names = ", ".join(spec.name for spec in self.specs)
        return f"Index({self.name!r}: {len(self)} references; {names})"

    @abstractmethod
    def search(
        self, name: str, vectors: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest references in one descriptor; removed ones and canaries never come out.

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
        """The records of the files with these uris, as far as they are references."""

    @abstractmethod
    def excluding(self, ids: Collection[str]) -> Index:
        """The same index, in whose searches these records do not come out."""

    @abstractmethod
    def background(self, name: str) -> NDArray[Any]:
        """A descriptor's vectors of references spread over the index, shape (<= BACKGROUND, width).

        Score normalisation compares a query with them.
        """

    @abstractmethod
    def read_document(self, name: str) -> bytes | None:
        """What was kept beside the index under this name (``calibration.json``), or None."""

    @abstractmethod
    def write_document(self, name: str, data: bytes | None) -> None:
        """Replace what is kept under this name in one step; None takes it away."""

    @abstractmethod
    def health(self) -> Health:
        """Look up the canaries again.

        Raises:
            IndexUnavailableError: a descriptor's search does not find them, or none can be made.
        """
