"""An index in a directory, opened for reading."""

from __future__ import annotations

import copy
import dataclasses
import os
from collections.abc import Collection, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, distances
from memguard.errors import IndexUnavailableError
from memguard.index.ann.recall import RECALL_AT
from memguard.index.ann.searcher import Excluded, Searcher
from memguard.index.base import BACKGROUND_REFERENCES, Health, Index
from memguard.index.record import Record
from memguard.index.store import row_arrays
from memguard.index.store.fingerprints import table_fingerprints
from memguard.index.store.forked import note_opened, require_not_forked
from memguard.index.store.known_files import changed_files
from memguard.index.store.manifest import Manifest
from memguard.index.store.mapped_files import MappedFiles
from memguard.index.store.reader_lease import Lease
from memguard.index.store.tables import Tables

HALF_FLOAT_DISTANCE = 1e-3
"""Distance that a vector may have from itself after half-float storage."""


class DirectoryIndex(Index):
    """A finished index at the version that was current when it was opened.

    Opening compares every file with its fingerprint before FAISS or Lance reads it, once for each
    state of the file (:mod:`memguard.index.store.known_files`); then it maps the FAISS files and
    searches for the canaries. It loads no model.

    Attributes:
        directory: the index.
        manifest: its manifest.
    """

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        note_opened()
        self.directory = directory
        self.manifest = manifest
        self._backgrounds: dict[str, NDArray[Any]] = {}
        try:
            self._lease = Lease(directory, manifest.generation)
            self._compare_files()
            self._mapped = MappedFiles(directory / file.path for file in manifest.files())
            self._read_arrays()
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
            raise IndexUnavailableError(self._damaged_table(str(error))) from error

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
    def address(self) -> str:
        return str(self.directory.absolute())

    @property
    def specs(self) -> tuple[DescriptorSpec, ...]:
        return self.manifest.descriptors

    @property
    def revision(self) -> int:
        return self.manifest.revision

    @cached_property
    def fingerprint(self) -> str:
        return self.manifest.fingerprint

    def __len__(self) -> int:
        return self.manifest.records

    def search(
        self, name: str, vectors: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        self._require_readable()
        excluded = self._exclusions[name]
        if len(excluded or ()) == self.manifest.rows:
            return np.empty((len(vectors), 0), np.float32), np.empty((len(vectors), 0), np.int64)
        return self._searchers[name].search(vectors, k, excluded=excluded)

    def take(self, rows: Sequence[int]) -> list[Record]:
        self._require_readable()
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
        """The rows of training images that searches find, ascending."""
        return np.delete(np.arange(self.manifest.rows), self._excluded_rows)

    @property
    def canary_rows(self) -> tuple[int, ...]:
        """Rows of the planted references."""
        return self.manifest.canaries

    def clusters(self) -> NDArray[np.int64]:
        """First member of each row's cluster of near-duplicates."""
        self._require_readable()
        return self._clusters

    def exact_duplicates(self) -> NDArray[np.uint32]:
        """Files with exactly the bytes of each row's record."""
        self._require_readable()
        return self._exact_duplicates

    def find(self, id: str) -> Record | None:
        self._require_readable()
        found = self._visible(self._tables.find_rows("id", [id]))
        return self.take(found)[0] if found else None

    def find_uris(self, uris: Collection[str]) -> dict[str, Record]:
        self._require_readable()
        ids = self._tables.latest_ids(uris)
        rows = self._visible(self._tables.find_rows("id", set(ids.values())))
        records = {record.id: record for record in self.take(rows)}
        return {uri: records[one] for uri, one in ids.items() if one in records}

    def background(self, name: str) -> NDArray[Any]:
        self._require_readable()
        if name not in self._backgrounds:
            spec = next(spec for spec in self.specs if spec.name == name)
            known = np.setdiff1d(self.rows(), self._missing(name), assume_unique=True)
            count = min(len(known), BACKGROUND_REFERENCES)
            spread = known[[i * len(known) // count for i in range(count)]]
            self._backgrounds[name] = self._tables.vectors(spec, spread.tolist())
        return self._backgrounds[name]

    def excluding(self, ids: Collection[str]) -> DirectoryIndex:
        left = copy.copy(self)
        left.excluded_ids = self.excluded_ids.union(ids)
        rows = np.union1d(
            self._excluded_rows, np.array(self._tables.find_rows("id", ids), np.int64)
        )
        left._excluded_rows, left._exclusions = rows, left._exclude(rows)
        return left

    def read_document(self, name: str) -> bytes | None:
        try:
            return (self.directory / name).read_bytes()
        except FileNotFoundError:
            return None

    def health(self) -> Health:
        newest = Manifest.read(self.directory)
        try:
            self._look_for_canaries()
        except (ValueError, OSError) as error:
            raise IndexUnavailableError(
                f"the tables of {self.directory} cannot be read any more ({error})"
            ) from error
        return Health(self.name, len(self), newest != self.manifest, newest.records)

    def unreadable(self) -> dict[str, str]:
        """Files that could not be read, with the reason."""
        return self._tables.unreadable()

    @property
    def _mend(self) -> str:
        return f"run `memguard verify {self.directory} --mend`, or build the index again"

    def _compare_files(self) -> None:
        """Compare the files that FAISS and NumPy read with their sizes and fingerprints."""
        names = {file.path: name for name, ann in self.manifest.ann.items() for file in ann.files}
        files = self.manifest.files()
        for file in files:
            path, what = self.directory / file.path, names.get(file.path, "lists")
            if not path.is_file():
                raise IndexUnavailableError(
                    f"the {what} file of {self.directory} is missing ({path}); {self._mend}"
                )
            actual = path.stat().st_size
            if actual != file.bytes:
                raise IndexUnavailableError(
                    f"{path} should have {file.bytes} bytes and has {actual}; {self._mend}"
                )
        tables = [  # compaction deletes those that only older versions need
            file
            for file in table_fingerprints(self.directory, self.manifest)
            if (self.directory / file.path).exists()
        ]
        for file in changed_files(self.directory, [*files, *tables]):
            if file in tables:
                raise IndexUnavailableError(
                    self._damaged_table(f"{file.path} holds other bytes than were written")
                )
            raise IndexUnavailableError(
                f"the {names.get(file.path, 'lists')} file of {self.directory} is damaged: "
                f"{self.directory / file.path} holds other bytes than were written; {self._mend}"
            )

    def _damaged_table(self, reason: str) -> str:
        return f"the tables of {self.directory} are damaged ({reason}); build the index again"

    def _read_arrays(self) -> None:
        def read(name: str) -> NDArray[Any]:
            return row_arrays.read_array(self.directory, self.manifest, name)

        rows = self.manifest.rows
        self._exact_duplicates = read(row_arrays.EXACT_DUPLICATES)
        self._near_duplicates = read(row_arrays.NEAR_DUPLICATES)
        self._clusters = read(row_arrays.CLUSTERS)
        arrays = (self._exact_duplicates, self._near_duplicates, self._clusters)
        if any(len(array) != rows for array in arrays):
            raise ValueError(f"they are not of {rows} rows")
        self._canaries = np.array(self.manifest.canaries, np.int64)
        self._deleted = np.array(read(row_arrays.DELETED))
        self._excluded_rows = np.union1d(self._deleted, self._canaries)
        self._exclusions = self._exclude(self._excluded_rows)

    def _missing(self, column: str) -> NDArray[np.int64]:
        return row_arrays.read_array(self.directory, self.manifest, row_arrays.MISSING + column)

    def _exclude(self, excluded: NDArray[np.int64]) -> dict[str, Excluded | None]:
        """Per descriptor, what a search excludes: these rows, and those without its vector."""

        def numbered(rows: NDArray[np.int64]) -> Excluded | None:
            return Excluded(rows, self.manifest.rows) if len(rows) else None

        everywhere = numbered(excluded)
        missing = {spec.name: self._missing(spec.name) for spec in self.specs}
        return {
            name: numbered(np.union1d(excluded, rows)) if len(rows) else everywhere
            for name, rows in missing.items()
        }

    def _require_readable(self) -> None:
        """Refuse what would crash or hang.

        Raises:
            IndexUnavailableError: this process was forked, or a file was changed in place.
        """
        require_not_forked()
        self._mapped.require_unchanged()

    def _visible(self, rows: Sequence[int]) -> list[int]:
        excluded = set(self._excluded_rows.tolist())
        return [row for row in rows if row not in excluded]

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
        """Search for the canaries and some records in every descriptor, deleted ones excluded.

        The FAISS file of another index may have the same size, but not the same vectors.
        """
        self._require_readable()
        exclusions = self._exclude(self._deleted)
        for spec in self.specs:
            vectors = self._tables.vectors(spec, self.manifest.canaries)
            searcher = self._searchers[spec.name]
            _, found = searcher.search(vectors, 1, excluded=exclusions[spec.name])
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
        return bool((distances(spec, vector, there) <= own + HALF_FLOAT_DISTANCE).any())
