"""An index opened for reading: search by descriptor, then look at the records."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import IndexUnavailableError
from memguard.index.ann import Searcher
from memguard.index.manifest import Manifest
from memguard.index.store import Record, Tables

BACKGROUND = 1000
"""References that score normalisation compares a query with; more change little."""


class Index:
    """A finished index at the version that was current when it was opened.

    Opening reads the manifest and maps the FAISS files; it loads no model.
    """

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory = directory
        self.manifest = manifest
        self._backgrounds: dict[str, NDArray[Any]] = {}
        self._searchers = {
            spec.name: _searcher(directory, manifest, spec) for spec in manifest.descriptors
        }
        try:
            self._tables = Tables(directory, manifest.records_version, manifest.files_version)
            self._compare_with_records()
        except (ValueError, OSError) as error:
            raise IndexUnavailableError(
                f"the tables of {directory} are damaged ({error}); build the index again"
            ) from error

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Index:
        """Open the index at ``path``.

        Raises:
            IndexUnavailableError: there is none, its build has not finished, it is damaged, or a
                newer memguard wrote it.
        """
        directory = Path(path)
        manifest = Manifest.read(directory)
        try:
            return cls(directory, manifest)
        except IndexUnavailableError:
            newer = Manifest.read(directory)
            if newer == manifest:
                raise
            return cls(directory, newer)  # a growing build ended while this was opening

    def __len__(self) -> int:
        return self.manifest.records

    def __repr__(self) -> str:
        names = ", ".join(spec.name for spec in self.specs)
        return f"Index({str(self.directory)!r}: {len(self)} references; {names})"

    @property
    def specs(self) -> tuple[DescriptorSpec, ...]:
        """The descriptors whose rows the index holds."""
        return self.manifest.descriptors

    def search(
        self, name: str, queries: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest references in one descriptor; see :meth:`memguard.index.ann.Searcher`."""
        return self._searchers[name].search(queries, k)

    def take(self, positions: Sequence[int]) -> list[Record]:
        """The records at row positions that :meth:`search` returned."""
        return self._tables.take(self.specs, positions)

    def background(self, name: str) -> NDArray[Any]:
        """A descriptor's rows of evenly spaced references, shape (<= BACKGROUND, width).

        Score normalisation compares a query with them (:mod:`memguard.normalisation`).
        """
        if name not in self._backgrounds:
            spec = next(spec for spec in self.specs if spec.name == name)
            count = min(len(self), BACKGROUND)
            positions = [i * len(self) // count for i in range(count)]
            self._backgrounds[name] = self._tables.rows(spec, positions)
        return self._backgrounds[name]

    def find(self, id: str) -> Record | None:
        """The record with this content hash, or None."""
        return self._tables.find(self.specs, id)

    def copies(self, id: str) -> int:
        """How many files of the training set hold exactly this image's bytes."""
        return self._copies[id]

    def unreadable(self) -> dict[str, str]:
        """Files that could not be read, with the reason."""
        return self._tables.unreadable()

    def _compare_with_records(self) -> None:
        """Count the records and look at a few: a file of another index may be just as large."""
        if len(self._tables) != len(self):
            raise IndexUnavailableError(
                f"{self.directory} should hold {len(self)} records and holds "
                f"{len(self._tables)}; build the index again"
            )
        positions = sorted({0, len(self) // 2, len(self) - 1})
        records = self.take(positions)
        for name, searcher in self._searchers.items():
            for position, record in zip(positions, records, strict=True):
                if not np.array_equal(searcher.row(position), record.rows[name]):
                    raise IndexUnavailableError(
                        f"the {name} file of {self.directory} holds other rows than its records; "
                        "build the index again"
                    )

    @cached_property
    def _copies(self) -> Counter[str | None]:
        latest = {entry.uri: entry.id for entry in self._tables.files()}
        return Counter(latest.values())


def _searcher(directory: Path, manifest: Manifest, spec: DescriptorSpec) -> Searcher:
    try:
        file = manifest.ann[spec.name]
        path = directory / file.path
        actual = path.stat().st_size
        if actual != file.bytes:
            raise IndexUnavailableError(
                f"{path} should have {file.bytes} bytes and has {actual}; build the index again"
            )
        searcher = Searcher(spec, path)
    except (KeyError, OSError, RuntimeError) as error:
        raise IndexUnavailableError(
            f"the {spec.name} file of {directory} is missing or damaged ({error}); "
            "build the index again"
        ) from error
    if len(searcher) != manifest.records:
        raise IndexUnavailableError(
            f"{path} holds {len(searcher)} rows for {manifest.records} records; "
            "build the index again"
        )
    return searcher
