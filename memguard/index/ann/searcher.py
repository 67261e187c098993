"""Nearest neighbours with FAISS, from memory-mapped files derived from the stored rows.

Distances come out in the units of the descriptor's metric (:mod:`memguard.descriptors.base`).
Where FAISS holds less than a byte a component, the rows that it proposes are compared again
(:mod:`memguard.index.ann.rerank`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.files import load, rows_path
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.rerank import ByteRows


class Excluded:
    """Rows that no search may return.

    Args:
        positions: row positions, in any order.
        rows: the length of the index, these rows included.
    """

    def __init__(self, positions: Sequence[int] | NDArray[np.int64], rows: int) -> None:
        kept = np.ones(rows, dtype=bool)
        kept[np.asarray(positions, dtype=np.int64)] = False
        self._count = rows - int(kept.sum())
        self._kept = kept
        self._bits = np.packbits(kept, bitorder="little")
        self.selector = faiss.IDSelectorBitmap(self._bits)

    def __len__(self) -> int:
        return self._count

    def spares(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the positions may be returned; -1, for none, may."""
        return (positions < 0) | self._kept[positions]


class Searcher:
    """A FAISS file, opened for searching.

    Args:
        spec: the descriptor whose rows the file holds.
        path: the FAISS file; it is memory-mapped.
        choice: how it is searched.

    Raises:
        OSError, RuntimeError: the file, or that of its candidates' rows, is missing or damaged.
    """

    def __init__(self, spec: DescriptorSpec, path: Path, choice: AnnChoice) -> None:
        self.spec = spec
        self.choice = choice
        self._index: Any = load(spec, path)
        self._rows = ByteRows(spec, rows_path(path), len(self)) if choice.candidates else None

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(
        self, queries: NDArray[Any], k: int, *, excluded: Excluded | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """The k nearest references of each query.

        Args:
            queries: shape (n, width), uint8 for hashes, float32 otherwise.
            k: neighbours a query; fewer come back where the index holds fewer.
            excluded: rows that are passed over.

        Returns:
            Distances, float32 (n, min(k, rows left)), ascending, and row positions, int64. Where
            the lists looked into hold fewer rows, inf and -1 fill the end. Distances of floats are
            off by less than 0.01, and by less than 0.003 where candidates are compared again.
        """
        k = min(k, len(self) - len(excluded or ()))
        if self._rows is None:
            scores, found = self.propose(queries, k, excluded=excluded)
            return np.where(found < 0, np.inf, self._distances(scores)).astype(np.float32), found
        wanted = max(self.choice.candidates, k)
        _, proposed = self.propose(queries, wanted, excluded=excluded)
        return _nearest(self._rows, queries, proposed, k)

    def propose(
        self,
        queries: NDArray[Any],
        count: int,
        *,
        excluded: Excluded | None = None,
        nprobe: int | None = None,
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """FAISS's own scores and row positions (-1 for none), shape (n, count), the best first."""
        queries = np.ascontiguousarray(queries)
        if excluded is not None and not self._selects:
            return self._passed_over(queries, count, excluded, nprobe)
        how = self._parameters(excluded, nprobe or self.choice.nprobe)
        scores, found = self._index.search(queries, count, params=how)
        return scores, found

    @property
    def _selects(self) -> bool:
        """Whether FAISS can pass over rows itself."""
        hashes_in_lists = self.spec.metric == "hamming" and self.choice.in_lists
        return not (hashes_in_lists or self.choice.packed)

    def _parameters(self, excluded: Excluded | None, nprobe: int) -> Any:
        if not self._selects and not self.choice.in_lists:
            return None
        sel = {} if excluded is None else {"sel": excluded.selector}
        if not self.choice.in_lists:
            return faiss.SearchParameters(**sel)
        lists = faiss.SearchParametersIVF(nprobe=max(nprobe, 1), **sel)
        if isinstance(self._index, faiss.IndexPreTransform):
            return faiss.SearchParametersPreTransform(index_params=lists)
        return lists

    def _passed_over(
        self, queries: NDArray[Any], count: int, excluded: Excluded, nprobe: int | None
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """What FAISS cannot do in some kinds: more rows are proposed until enough are left."""
        fetched = min(count + min(count, len(excluded)), len(self))
        while True:
            scores, found = self.propose(queries, fetched, nprobe=nprobe)
            spared = excluded.spares(found)
            if fetched == len(self) or (spared.sum(axis=1) >= count).all():
                break
            fetched = min(2 * fetched, len(self))
        order = np.argsort(~spared, axis=1, kind="stable")[:, :count]
        found = np.where(spared, found, -1)
        return np.take_along_axis(scores, order, 1), np.take_along_axis(found, order, 1)

    def _distances(self, scores: NDArray[Any]) -> NDArray[Any]:
        if self.spec.metric == "cosine":
            return 1 - scores
        if self.spec.metric == "rms":
            return np.asarray(np.sqrt(np.maximum(scores, 0) / self.spec.dimension))
        return scores


def _nearest(
    rows: ByteRows, queries: NDArray[np.float32], proposed: NDArray[np.int64], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    nearest = np.full((len(queries), k), np.inf, dtype=np.float32)
    found = np.full((len(queries), k), -1, dtype=np.int64)
    for i, candidates in enumerate(proposed):
        near = candidates[candidates >= 0]
        compared = rows.distances(queries[i], near)
        order = np.argsort(compared, kind="stable")[:k]
        nearest[i, : len(order)], found[i, : len(order)] = compared[order], near[order]
    return nearest, found
