"""Filling a FAISS index in bounded memory: shards on disk, whose inverted lists are merged."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from memguard.files import PARTIAL
from memguard.index.ann.faiss_io import inverted_list_count, load, save
from memguard.index.ann.files import AnnIndex

SHARD_BYTES = 1 << 30
"""Compressed vectors held in memory while an index is filled."""


def fill(
    index: AnnIndex, built: Any, blocks: Iterable[NDArray[Any]], *, before: Any = None
) -> None:
    """Add vectors to a trained FAISS index and write its file.

    Args:
        index: the file to write.
        built: the trained FAISS index.
        blocks: the vectors, each block of shape (n, width).
        before: a FAISS index whose vectors come before these; the inverted lists of both are
            merged on disk.

    Raises:
        OSError: the file cannot be written.
    """
    shards: list[AnnIndex] = []
    row = int(built.ntotal if before is None else before.ntotal)
    try:
        for block in blocks:
            vectors = np.ascontiguousarray(block)
            if inverted_list_count(built):
                built.add_with_ids(vectors, np.arange(row, row + len(vectors)))
            else:
                built.add(vectors)
            row += len(vectors)
            if _held_bytes(built) > SHARD_BYTES:
                shards.append(_spill(index, built, len(shards)))
        if not shards and before is None:
            save(index, built)
            return
        shards.append(_spill(index, built, len(shards)))
        parts = [load(shard) for shard in shards]
        _merge(index, built, [part for part in (before, *parts) if part is not None])
    finally:
        for shard in shards:
            shard.path.unlink(missing_ok=True)


def grows_on_disk(index: AnnIndex) -> bool:
    """Whether an index is too large to be read into memory, and can be merged on disk."""
    mergeable = index.choice.uses_inverted_lists and not index.choice.packed
    return mergeable and index.spec.metric != "hamming" and index.choice.bytes > SHARD_BYTES


def emptied(built: Any) -> Any:
    """The same trained FAISS index, without the vectors of its inverted lists."""
    ivf = faiss.extract_index_ivf(built)
    inverted_lists = faiss.ArrayInvertedLists(ivf.nlist, ivf.code_size)
    ivf.replace_invlists(inverted_lists, True)
    inverted_lists.this.disown()
    built.ntotal = ivf.ntotal = 0
    return built


def _spill(index: AnnIndex, built: Any, number: int) -> AnnIndex:
    """Move the vectors to a shard's file."""
    shard = index.at(index.path.with_name(f"{index.path.name}.{number}{PARTIAL}"))
    save(shard, built)
    emptied(built)
    return shard


def _merge(index: AnnIndex, built: Any, parts: list[Any]) -> None:
    """Merge the inverted lists of several indexes in a file, and write the index that reads it."""
    ivf = faiss.extract_index_ivf(built)
    merged = faiss.OnDiskInvertedLists(ivf.nlist, ivf.code_size, str(index.inverted_lists_path))
    pointers = faiss.InvertedListsPtrVector()
    for part in parts:
        pointers.push_back(faiss.extract_index_ivf(part).invlists)
    total = merged.merge_from_multiple(pointers.data(), pointers.size(), False)
    ivf.replace_invlists(merged, True)
    merged.this.disown()
    built.ntotal = ivf.ntotal = total
    save(index, built)


def _held_bytes(built: Any) -> int:
    """Bytes of the inverted lists in memory, where they can be merged on disk; else 0."""
    if isinstance(built, faiss.IndexBinary) or not inverted_list_count(built):
        return 0
    ivf = faiss.extract_index_ivf(built)
    return int(ivf.ntotal * (ivf.code_size + 8))
