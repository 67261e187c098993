"""A revision of an index, about to be published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice
from memguard.index.ingest.stored_vectors import StoredVectors
from memguard.index.store import row_arrays
from memguard.index.store.manifest import AnnFile, PinnedFile
from memguard.index.store.tables import Tables

ANN = "ann"
"""The folder of the ANN indexes."""


@dataclass(frozen=True)
class Revision:
    """The tables of an index at one version, and where the files derived from them go.

    No reader opens these files before a manifest pins them.

    Attributes:
        directory: the index.
        number: names the files; that of the coming manifest.
        tables: what the files are derived from.
        specs: the descriptors.
    """

    directory: Path
    number: int
    tables: Tables
    specs: tuple[DescriptorSpec, ...]

    def ann_index(self, spec: DescriptorSpec, choice: AnnChoice) -> AnnIndex:
        """The ANN index to write for a descriptor."""
        path = self.directory / ANN / f"{spec.name}-{self.number}.faiss"
        return AnnIndex(spec, path, choice)

    def vectors(self, spec: DescriptorSpec) -> StoredVectors:
        """The matrix of a descriptor."""
        return StoredVectors(self.tables, spec)

    def pin(self, index: AnnIndex) -> AnnFile:
        """The files of a written ANN index, with their fingerprints."""
        files = tuple(PinnedFile.of(self.directory, file) for file in index.files())
        return AnnFile(files, index.choice)

    def write_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, PinnedFile]:
        """Write row arrays; an empty one has no file."""
        return {
            name: row_arrays.write_array(self.directory, name, self.number, array)
            for name, array in arrays.items()
            if len(array)
        }
