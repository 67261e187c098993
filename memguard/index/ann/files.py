"""One descriptor's ANN index as files: the FAISS file, and what goes with it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.planner import AnnChoice

INVERTED_LISTS_SUFFIX = ".lists"
"""Added to the name of a FAISS file whose inverted lists were merged on disk."""

RERANK_SUFFIX = ".rows"
"""Added to the name of a FAISS file whose candidates are reranked."""


@dataclass(frozen=True)
class AnnIndex:
    """One descriptor's ANN index on disk, there or still to be written.

    Attributes:
        spec: the descriptor.
        path: the FAISS file.
        choice: the kind of index, and how it is searched.
    """

    spec: DescriptorSpec
    path: Path
    choice: AnnChoice

    @property
    def inverted_lists_path(self) -> Path:
        """The inverted lists, where they were merged on disk."""
        return self.path.with_name(self.path.name + INVERTED_LISTS_SUFFIX)

    @property
    def rerank_path(self) -> Path:
        """The vectors for reranking candidates (:mod:`memguard.index.ann.rerank`)."""
        return self.path.with_name(self.path.name + RERANK_SUFFIX)

    def searched_files(self) -> list[Path]:
        """The files that FAISS reads: one, or two where inverted lists were merged on disk."""
        return [self.path, *filter(Path.exists, [self.inverted_lists_path])]

    def files(self) -> list[Path]:
        """All files of the index: FAISS's own, and the vectors for reranking."""
        return [*self.searched_files(), *filter(Path.exists, [self.rerank_path])]

    def at(self, path: Path) -> AnnIndex:
        """The same index in another file."""
        return dataclasses.replace(self, path=path)

    def measured(self) -> AnnIndex:
        """The same index, with the size of its files in its choice."""
        size = sum(file.stat().st_size for file in self.searched_files())
        return dataclasses.replace(self, choice=dataclasses.replace(self.choice, bytes=size))
