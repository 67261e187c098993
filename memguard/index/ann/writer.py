"""FAISS files, written from a descriptor's rows, which stream by in blocks.

Beside one block, memory holds a sample to train on and the compressed index, up to
:data:`SHARD_BYTES` of it: a larger one is written in shards, which are merged on disk.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.files import PARTIAL
from memguard.index.ann.files import (
    Fetch,
    empty,
    lists_path,
    load,
    rows_path,
    save,
    searched_files,
    write,
)
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.rerank import written
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.tuning import Copies, ExactRanks, noisy, tuned, warn_of_losses

SHARD_BYTES = 1 << 30
"""Of compressed rows, held in memory while they are added."""

SAMPLE_PER_LIST = 40
"""Rows to find each centroid from: FAISS warns of fewer than 39."""

TRANSFORM_SAMPLE = 16_384
"""Rows to find principal components and their mean from: 16 for each that is kept."""

FETCHED_ROWS = 8192
"""Rows of the sample that are read at a time."""


def derive(
    spec: DescriptorSpec,
    choice: AnnChoice,
    blocks: Iterable[NDArray[Any]],
    rows: int,
    fetch: Fetch,
    path: Path,
    copies: Copies | None = None,
) -> AnnChoice:
    """Write the FAISS file of a descriptor, and find out how to search it.

    Beside it go the rows by which candidates are compared again, where there are candidates.

    Args:
        spec: the descriptor.
        choice: of :func:`memguard.index.ann.planner.plan`.
        blocks: the descriptor's whole matrix in row order.
        rows: how many rows that is.
        fetch: the stored rows at some positions, to train on.
        path: the file to write; it appears in one step.
        copies: simulated copies, some hundreds; None where none can be made: rows with noise are
            tuned on then, and the recall of copies is unknown.

    Returns:
        The choice, tuned, with the size of the file and the recall of copies. A recall below
        :data:`memguard.index.ann.tuning.ENOUGH` is logged as a warning.

    Raises:
        OSError: it cannot be written.
    """
    if choice.exact:
        write(spec, blocks, path)
        return _sized(choice, path)
    index = _trained(spec, choice.kind, rows, fetch)
    ranks = ExactRanks(spec, copies or noisy(spec, rows, fetch), fetch)
    kept = blocks if spec.metric == "hamming" else written(blocks, rows_path(path))
    _add(spec, index, _seen(kept, ranks), path)
    found = ranks.found()
    if len(found.rows) < 2:
        found, copies = noisy(spec, rows, fetch), None
    searcher = Searcher(spec, path, choice)
    best = tuned(spec, _sized(choice, path), searcher, found, _list_count(index))
    if not best.candidates:
        rows_path(path).unlink(missing_ok=True)
    if copies is None:
        return dataclasses.replace(best, recall=None)
    warn_of_losses(spec.name, best)
    return best


def extend(
    spec: DescriptorSpec,
    choice: AnnChoice,
    old: Path,
    blocks: Iterable[NDArray[Any]],
    path: Path,
) -> AnnChoice:
    """Write a FAISS file with the rows of an old one and some more, without training again.

    Args:
        spec: the descriptor.
        choice: that of the old file; its settings and its recall stay.
        old: the old file, which stays.
        blocks: the new rows only, in row order.
        path: the file to write; it appears in one step.

    Raises:
        OSError: it cannot be written.
        RuntimeError: the old file is missing or damaged.
    """
    if choice.candidates:
        blocks = written(blocks, rows_path(path), before=rows_path(old))
    on_disk = choice.in_lists and spec.metric != "hamming" and not choice.packed
    if on_disk and choice.bytes > SHARD_BYTES:
        _add(spec, _emptied(load(spec, old)), blocks, path, before=load(spec, old))
    else:
        _add(spec, load(spec, old, mapped=False), blocks, path)
    return _sized(choice, path)


def _trained(spec: DescriptorSpec, kind: str, rows: int, fetch: Fetch) -> Any:
    """An empty index whose centroids and principal components come from sampled rows."""
    index = empty(spec, kind)
    random = np.random.default_rng(0)

    def sample(count: int) -> Iterator[NDArray[Any]]:
        positions = np.sort(random.choice(rows, min(rows, count), replace=False))
        for start in range(0, len(positions), FETCHED_ROWS):
            yield fetch(positions[start : start + FETCHED_ROWS])

    wanted = SAMPLE_PER_LIST * _list_count(index) or TRANSFORM_SAMPLE
    if not isinstance(index, faiss.IndexPreTransform):
        index.train(np.concatenate(list(sample(wanted))))
        return index
    shorten = faiss.downcast_VectorTransform(index.chain.at(0))
    shorten.train(np.concatenate(list(sample(TRANSFORM_SAMPLE))))
    shortened = [shorten.apply(block) for block in sample(wanted)]
    faiss.downcast_index(index.index).train(np.concatenate(shortened))
    index.is_trained = True
    return index


def _seen(blocks: Iterable[NDArray[Any]], ranks: ExactRanks) -> Iterator[NDArray[Any]]:
    for block in blocks:
        ranks.add(block)
        yield block


def _add(
    spec: DescriptorSpec,
    index: Any,
    blocks: Iterable[NDArray[Any]],
    path: Path,
    before: Any = None,
) -> None:
    """Add rows to a trained index and save it, in shards where it grows too large.

    Args:
        before: an index whose rows come before these, merged on disk.
    """
    shards: list[Path] = []
    position = int(index.ntotal if before is None else before.ntotal)
    try:
        for block in blocks:
            rows = np.ascontiguousarray(block)
            if _list_count(index):
                index.add_with_ids(rows, np.arange(position, position + len(rows)))
            else:
                index.add(rows)
            position += len(rows)
            if _held(index) > SHARD_BYTES:
                shards.append(_shard(spec, index, path, len(shards)))
        if not shards and before is None:
            save(spec, index, path)
            return
        shards.append(_shard(spec, index, path, len(shards)))
        parts = [load(spec, shard) for shard in shards]
        _merge(spec, index, [part for part in (before, *parts) if part is not None], path)
    finally:
        for shard in shards:
            shard.unlink(missing_ok=True)


def _shard(spec: DescriptorSpec, index: Any, path: Path, number: int) -> Path:
    """Move the rows of an index to a file of its own."""
    shard = path.with_name(f"{path.name}.{number}{PARTIAL}")
    save(spec, index, shard)
    _emptied(index)
    return shard


def _merge(spec: DescriptorSpec, empty: Any, parts: list[Any], path: Path) -> None:
    """Gather the lists of several indexes in one file, and save the index that reads it."""
    ivf = faiss.extract_index_ivf(empty)
    merged = faiss.OnDiskInvertedLists(ivf.nlist, ivf.code_size, str(lists_path(path)))
    pointers = faiss.InvertedListsPtrVector()
    for part in parts:
        pointers.push_back(faiss.extract_index_ivf(part).invlists)
    total = merged.merge_from_multiple(pointers.data(), pointers.size(), False)
    ivf.replace_invlists(merged, True)
    merged.this.disown()
    empty.ntotal = ivf.ntotal = total
    save(spec, empty, path)


def _emptied(index: Any) -> Any:
    ivf = faiss.extract_index_ivf(index)
    lists = faiss.ArrayInvertedLists(ivf.nlist, ivf.code_size)
    ivf.replace_invlists(lists, True)
    lists.this.disown()
    index.ntotal = ivf.ntotal = 0
    return index


def _sized(choice: AnnChoice, path: Path) -> AnnChoice:
    return dataclasses.replace(
        choice, bytes=sum(file.stat().st_size for file in searched_files(path))
    )


def _held(index: Any) -> int:
    """Bytes of the lists in memory, of indexes that can be merged on disk."""
    if isinstance(index, faiss.IndexBinary) or not _list_count(index):
        return 0
    ivf = faiss.extract_index_ivf(index)
    return int(ivf.ntotal * (ivf.code_size + 8))


def _list_count(index: Any) -> int:
    if isinstance(index, faiss.IndexBinary):
        return int(index.nlist) if isinstance(index, faiss.IndexBinaryIVF) else 0
    ivf = faiss.try_extract_index_ivf(index)
    return 0 if ivf is None else int(ivf.nlist)
