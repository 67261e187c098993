"""k-nearest-neighbour search with FAISS, from memory-mapped files.

Distances are in the units of the descriptor's metric (:mod:`memguard.descriptors.base`). Where
FAISS holds less than a byte a component, its candidates are reranked
(:mod:`memguard.index.ann.rerank`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from memguard.index.ann.faiss_io import load
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.rerank import ByteVectors


class Excluded:
    """Rows that a search may not return.

    Args:
        rows: in any order.
        total: the length of the index, these rows included.
    """

    def __init__(self, rows: Sequence[int] | NDArray[np.int64], total: int) -> None:
        allowed = np.ones(total, dtype=bool)
        allowed[np.asarray(rows, dtype=np.int64)] = False
        self._count = total - int(allowed.sum())
        self._allowed = allowed
        self._bits = np.packbits(allowed, bitorder="little")  # the selector does not own them
        self.selector = faiss.IDSelectorBitmap(self._bits)

    def __len__(self) -> int:
        return self._count

    def allows(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the rows may be returned; -1, for none, may."""
        return (rows < 0) | self._allowed[rows]


class Searcher:
    """An ANN index, opened for searching.

    Args:
        index: its files, which are memory-mapped.

    Raises:
        OSError, RuntimeError: a file is missing or damaged.
    """

    def __init__(self, index: AnnIndex) -> None:
        self.spec = index.spec
        self.choice = index.choice
        self._index: Any = load(index)
        self._reranked = (
            ByteVectors(index.spec, index.rerank_path, len(self))
            if index.choice.candidates
            else None
        )

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, queries: NDArray[Any], k: int, *, excluded: Excluded | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest neighbours of each query.

        Args:
            queries: shape (n, width), uint8 for hashes, float32 otherwise.
            k: neighbours of a query; fewer are returned where the index holds fewer.
            excluded: rows that are not returned.

        Returns:
            Distances, float32 (n, min(k, rows allowed)), ascending, and rows, int64. Where the
            probed inverted lists hold fewer, inf and -1 fill the end. Float distances are off by
            less than 0.01, reranked ones by less than 0.003.
        """
        k = min(k, len(self) - len(excluded or ()))
        if not k:
            return np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
        if self._reranked is None:
            scores, found = self.propose(queries, k, excluded=excluded)
            return np.where(found < 0, np.inf, self._distances(scores)).astype(np.float32), found
        count = max(self.choice.candidates, k)
        _, candidates = self.propose(queries, count, excluded=excluded)
        return self._reranked.rerank(queries, candidates, k)

    def propose(
        self,
        queries: NDArray[Any],
        count: int,
        *,
        excluded: Excluded | None = None,
        nprobe: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """FAISS's own scores and rows (-1 for none), shape (n, count), the best first."""
        queries = np.ascontiguousarray(queries)
        if excluded is not None and not self._selects:
            return self._search_further(queries, count, excluded, nprobe)
        parameters = self._parameters(excluded, nprobe or self.choice.nprobe)
        scores, found = self._index.search(queries, count, params=parameters)
        return scores, found

    @property
    def _selects(self) -> bool:
        """Whether FAISS itself can exclude rows from this kind of index."""
        inverted_hashes = self.spec.metric == "hamming" and self.choice.uses_inverted_lists
        return not (inverted_hashes or self.choice.packed)

    def _parameters(self, excluded: Excluded | None, nprobe: int) -> Any:
        if not self._selects and not self.choice.uses_inverted_lists:
            return None
        selector = {} if excluded is None else {"sel": excluded.selector}
        if not self.choice.uses_inverted_lists:
            return faiss.SearchParameters(**selector)
        probing = faiss.SearchParametersIVF(nprobe=max(nprobe, 1), **selector)
        if isinstance(self._index, faiss.IndexPreTransform):
            return faiss.SearchParametersPreTransform(index_params=probing)
        return probing

    def _search_further(
        self, queries: NDArray[Any], count: int, excluded: Excluded, nprobe: int | None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Fetch more neighbours until enough of them are allowed, where FAISS cannot select."""
        fetched = min(count + min(count, len(excluded)), len(self))
        while True:
            scores, found = self.propose(queries, fetched, nprobe=nprobe)
            allowed = excluded.allows(found)
            if fetched == len(self) or (allowed.sum(axis=1) >= count).all():
                break
            fetched = min(2 * fetched, len(self))
        order = np.argsort(~allowed, axis=1, kind="stable")[:, :count]
        found = np.where(allowed, found, -1)
        return np.take_along_axis(scores, order, 1), np.take_along_axis(found, order, 1)

    def _distances(self, scores: NDArray[Any]) -> NDArray[Any]:
        return 1 - scores if self.spec.metric == "cosine" else scores
