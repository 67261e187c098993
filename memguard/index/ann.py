"""Nearest neighbours with FAISS: exact flat indexes, derived from the stored rows, memory-mapped.

Distances come out in the units of the descriptor's metric (:mod:`memguard.descriptors.base`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec


def write(spec: DescriptorSpec, blocks: Iterable[NDArray[Any]], path: Path) -> None:
    """Derive a FAISS file from a descriptor's matrix, given in blocks of rows.

    Raises:
        OSError: it cannot be written.
    """
    index = _empty(spec)
    for block in blocks:
        index.add(np.ascontiguousarray(block))
    try:
        _writer(spec)(index, str(path))
    except RuntimeError as error:
        raise OSError(f"{path} cannot be written ({error})") from error


class Searcher:
    """A FAISS file, opened for searching.

    Args:
        spec: the descriptor whose rows the file holds.
        path: the FAISS file; it is memory-mapped.
    """

    def __init__(self, spec: DescriptorSpec, path: Path) -> None:
        self.spec = spec
        read = faiss.read_index_binary if spec.metric == "hamming" else faiss.read_index
        self._index: Any = read(str(path), faiss.IO_FLAG_MMAP)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def row(self, position: int) -> NDArray[Any]:
        """The reference at a row position, as it is stored in the file."""
        row: NDArray[Any] = self._index.reconstruct(position)
        return row

    def search(
        self, queries: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest references of each query.

        Args:
            queries: shape (n, width), uint8 for hashes, float32 otherwise.
            k: neighbours a query; fewer come back where the index holds fewer.

        Returns:
            Distances, float32 (n, min(k, len)), ascending, and row positions, int64.
        """
        scores, rows = self._index.search(np.ascontiguousarray(queries), min(k, len(self)))
        return np.asarray(self._distances(scores), dtype=np.float32), rows

    def _distances(self, scores: NDArray[Any]) -> NDArray[Any]:
        if self.spec.metric == "cosine":
            return 1 - scores
        if self.spec.metric == "rms":
            return np.asarray(np.sqrt(np.maximum(scores, 0) / self.spec.dimension))
        return scores


def _empty(spec: DescriptorSpec) -> Any:
    if spec.metric == "hamming":
        return faiss.IndexBinaryFlat(spec.dimension)
    if spec.metric == "cosine":
        return faiss.IndexFlatIP(spec.dimension)
    return faiss.IndexFlatL2(spec.dimension)


def _writer(spec: DescriptorSpec) -> Any:
    return faiss.write_index_binary if spec.metric == "hamming" else faiss.write_index
