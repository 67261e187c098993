"""An index in a directory, opened for reading."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, distances
from memguard.errors import IndexUnavailableError
from memguard.index.ann.recall import RECALL_AT
from memguard.index.ann.searcher import Excluded, Searcher
from memguard.index.base import BACKGROUND, Health, Index
from memguard.index.record import Record
from memguard.index.store import row_arrays as lists
from memguard.index.store.manifest import Manifest
from memguard.index.store.reader_lease import Lease
from memguard.index.store.tables import Tables

HASHED_AT_OPEN = 128 << 20
"""Bytes whose fingerprints are compared at every opening, the smallest files first: a quarter of a
second. `memguard verify` compares all."""


ROUNDING = 1e-3
"""By how much a vector may differ from itself: it is stored in half floats."""


class DirectoryIndex(Index):
    """A finished index at the version that was current when it was opened.

    Opening reads the manifest, maps the FAISS files and looks up the canaries; it loads no model.

    Attributes:
        directory: where it is.
        manifest: what it holds.
    """

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest
        self._backgrounds: dict[str, NDArray[Any]] = {}
        try:
            self._lease = Lease(directory, manifest.generation)
            self._compare_files()
            self._read_lists()
        except (OSError, ValueError) as error:
            raise IndexUnavailableError(
                f"the lists of {directory} are missing or damaged ({error}); {self._mend}"
            ) from error
        try:
            self._tables = Tables(directory, manifest.records_version, manifest.files_version)
            self._count_records()
            self._searchers = {spec.name: self._searcher(spec) for spec in self.specs}
            self._look_for_canaries()
        except (ValueError, OSError) as error:
            raise IndexUnavailableError(
                f"the tables of {directory} are damaged ({error}); build the index again"
            ) from error

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> DirectoryIndex:
        """Open the index at ``path``; see :meth:`memguard.open_index`."""
        directory = Path(path)
        manifest = Manifest.read(directory)
        try:
            return cls(directory, manifest)
        except IndexUnavailableError:
            newer = Manifest.read(directory)
            if newer == manifest:
                raise
            return cls(directory, newer)  # it was replaced while this was opening

    @property
    def name(self) -> str:
        return str(self.directory)

    @property
    def specs(self) -> tuple[DescriptorSpec, ...]:
        return self.manifest.descriptors

    def __len__(self) -> int:
        return self.manifest.records

    def search(
        self, name: str, vectors: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        excluded = self._excluded[name]
        if len(excluded or ()) == self.manifest.rows:
            return np.empty((len(vectors), 0), np.float32), np.empty((len(vectors), 0), np.int64)
        return self._searchers[name].search(vectors, k, excluded=excluded)

    def take(self, rows: Sequence[int]) -> list[Record]:
        return [
            dataclasses.replace(
                record,
                exact_duplicates=int(self._exact_duplicates[at]),
                near_duplicates=int(self._near_duplicates[at]),
            )
            for at, record in zip(rows, self._tables.take(self.specs, rows))
        ]

    def sample(self, count: int, rng: np.random.Generator) -> list[int]:
        pictured = np.setdiff1d(self.rows(), self._missing("thumbnail"), assume_unique=True)
        return [int(row) for row in pictured[rng.permutation(len(pictured))[:count]]]

    def rows(self) -> NDArray[np.int64]:
        """Every row of a training image that can be found, in ascending order."""
        return np.delete(np.arange(self.manifest.rows), self._hidden)

    @property
    def canary_rows(self) -> tuple[int, ...]:
        """Rows of the planted references."""
        return self.manifest.canaries

    def clusters(self) -> NDArray[np.int64]:
        """What :func:`memguard.index.ingest.near_duplicates.cluster` gave, by row."""
        return self._clusters

    def exact_duplicates(self) -> NDArray[np.uint32]:
        """How many files hold exactly each record's bytes, by row."""
        return self._exact_duplicates

    def find(self, id: str) -> Record | None:
        found = self._visible(self._tables.find_rows("id", [id]))
        return self.take(found)[0] if found else None

    def find_uris(self, uris: Collection[str]) -> dict[str, Record]:
        ids = self._tables.latest_ids(uris)
        rows = self._visible(self._tables.find_rows("id", set(ids.values())))
        records = {record.id: record for record in self.take(rows)}
        return {uri: records[one] for uri, one in ids.items() if one in records}

    def background(self, name: str) -> NDArray[Any]:
        if name not in self._backgrounds:
            spec = next(spec for spec in self.specs if spec.name == name)
            known = np.setdiff1d(self.rows(), self._missing(name), assume_unique=True)
            count = min(len(known), BACKGROUND)
            spread = known[[i * len(known) // count for i in range(count)]]
            self._backgrounds[name] = self._tables.vectors(spec, spread.tolist())
        return self._backgrounds[name]

    def excluding(self, ids: Collection[str]) -> DirectoryIndex:
        """The same index, in whose searches these records do not come out."""
        left = copy.copy(self)
        hidden = np.union1d(self._hidden, np.array(self._tables.find_rows("id", ids), np.int64))
        left._hidden, left._excluded = hidden, left._passed_over(hidden)
        return left

    def read_document(self, name: str) -> bytes | None:
        try:
            return (self.directory / name).read_bytes()
        except FileNotFoundError:
            return None

    def health(self) -> Health:
        self._look_for_canaries()
        newest = Manifest.read(self.directory)
        return Health(self.name, len(self), outdated=newest.revision != self.manifest.revision)

    def unreadable(self) -> dict[str, str]:
        """Files that could not be read, with the reason."""
        return self._tables.unreadable()

    @property
    def _mend(self) -> str:
        return f"run `memguard verify {self.directory} --mend`, or build the index again"

    def _compare_files(self) -> None:
        """Look at the pinned files: at all sizes, and at the bytes of the smaller ones."""
        left = HASHED_AT_OPEN
        names = {file.path: name for name, ann in self.manifest.ann.items() for file in ann.files}
        for file in sorted(self.manifest.files(), key=lambda file: file.bytes):
            path, what = self.directory / file.path, names.get(file.path, "lists")
            left -= file.bytes
            if not path.is_file():
                raise IndexUnavailableError(
                    f"the {what} file of {self.directory} is missing ({path}); {self._mend}"
                )
            actual = path.stat().st_size
            if actual != file.bytes:
                raise IndexUnavailableError(
                    f"{path} should have {file.bytes} bytes and has {actual}; {self._mend}"
                )
            if left >= 0 and not file.is_whole(self.directory):
                raise IndexUnavailableError(
                    f"the {what} file of {self.directory} is damaged: {path} holds other bytes "
                    f"than were written; {self._mend}"
                )

    def _read_lists(self) -> None:
        def read(name: str) -> NDArray[Any]:
            return lists.read_list(self.directory, self.manifest, name)

        rows = self.manifest.rows
        self._exact_duplicates = read(lists.EXACT_DUPLICATES)
        self._near_duplicates = read(lists.NEAR_DUPLICATES)
        self._clusters = read(lists.CLUSTERS)
        arrays = (self._exact_duplicates, self._near_duplicates, self._clusters)
        if any(len(array) != rows for array in arrays):
            raise ValueError(f"they are not of {rows} rows")
        self._canaries = np.array(self.manifest.canaries, np.int64)
        self._removed = np.array(read(lists.REMOVED))
        self._hidden = np.union1d(self._removed, self._canaries)
        self._excluded = self._passed_over(self._hidden)

    def _missing(self, column: str) -> NDArray[np.int64]:
        return lists.read_list(self.directory, self.manifest, lists.MISSING + column)

    def _passed_over(self, hidden: NDArray[np.int64]) -> dict[str, Excluded | None]:
        """What each descriptor's search leaves out: these, and the records that lack its row."""

        def excluded(rows: NDArray[np.int64]) -> Excluded | None:
            return Excluded(rows, self.manifest.rows) if len(rows) else None

        everywhere = excluded(hidden)
        missing = {spec.name: self._missing(spec.name) for spec in self.specs}
        return {
            name: excluded(np.union1d(hidden, rows)) if len(rows) else everywhere
            for name, rows in missing.items()
        }

    def _visible(self, rows: Sequence[int]) -> list[int]:
        hidden = set(self._hidden.tolist())
        return [row for row in rows if row not in hidden]

    def _count_records(self) -> None:
        if len(self._tables) != self.manifest.rows:
            raise IndexUnavailableError(
                f"{self.directory} should hold {self.manifest.rows} records and holds "
                f"{len(self._tables)}; build the index again"
            )

    def _searcher(self, spec: DescriptorSpec) -> Searcher:
        try:
            file = self.manifest.ann[spec.name]
            searcher = Searcher(file.index(self.directory, spec))
        except (KeyError, OSError, RuntimeError) as error:
            raise IndexUnavailableError(
                f"the {spec.name} file of {self.directory} is missing or damaged ({error}); "
                f"{self._mend}"
            ) from error
        if len(searcher) != self.manifest.rows:
            raise IndexUnavailableError(
                f"{self.directory / file.path} holds {len(searcher)} rows for "
                f"{self.manifest.rows} records; {self._mend}"
            )
        return searcher

    def _look_for_canaries(self) -> None:
        """Search every descriptor for the planted references, among everything not removed, and
        for some others: a file of another index may be just as large.
        """
        passed_over = self._passed_over(self._removed)
        for spec in self.specs:
            vectors = self._tables.vectors(spec, self.manifest.canaries)
            searcher = self._searchers[spec.name]
            _, found = searcher.search(vectors, 1, excluded=passed_over[spec.name])
            if not len(found) or not np.isin(found, self._canaries).all():
                raise IndexUnavailableError(
                    f"the search by {spec.name} does not find the canary of {self.directory}, so "
                    f"it would not find copies either; {self._mend}"
                )
            if not self._finds_some_records(spec):
                raise IndexUnavailableError(
                    f"the {spec.name} file of {self.directory} holds other rows than its records; "
                    f"{self._mend}"
                )

    def _finds_some_records(self, spec: DescriptorSpec) -> bool:
        known = np.setdiff1d(self.rows(), self._missing(spec.name), assume_unique=True)
        if not len(known):
            return True
        vectors = self._tables.vectors(spec, known[[0, len(known) // 2, -1]].tolist())
        _, found = self.search(spec.name, vectors, RECALL_AT)
        return all(
            self._holds(spec, vector, near[near >= 0]) for vector, near in zip(vectors, found)
        )

    def _holds(self, spec: DescriptorSpec, vector: NDArray[Any], rows: NDArray[np.int64]) -> bool:
        """Whether one of the records in these rows has this vector."""
        own = distances(spec, vector, vector[None])[0]
        there = self._tables.vectors(spec, rows.tolist())
        return bool((distances(spec, vector, there) <= own + ROUNDING).any())
