"""Hamming join: pairs of similar hashes, without comparing each hash with all.

The pigeonhole principle (Manku et al. 2007, "Detecting near-duplicates for web crawling"): two
hashes that differ in fewer bits than an eighth of theirs share a 32-bit word up to three bits, and
one 16-bit half of that word up to one bit. So hashes that share a half up to one bit are looked
up, their words are compared, and the few pairs that are left are compared whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.index.ann.vectors import Vectors

HALF_BITS = 16
"""Bits by which hashes are looked up."""

MAX_WORD_BITS = 3
"""Bits in which the 32-bit words around such halves may differ."""

SHARD_HASHES = 1 << 22
"""Hashes held in memory at a time, about 200 bytes each."""

MAX_GROUP = 1024
"""Hashes with one value of a half that each hash is compared with. A larger group, a thousand
versions of one picture or more, is connected through these."""

PAIRS_AT_ONCE = 1 << 16
"""Pairs compared at a time: few enough for a processor's cache."""

Pairs = NDArray[np.int64]
"""Rows, shape (n, 2)."""


def hamming_join(
    hashes: Vectors, first: int, radius: float, excluded: NDArray[np.int64]
) -> Iterator[Pairs]:
    """Pairs of hashes within a Hamming distance, in parts; some pairs come more than once.

    Of equal hashes, only the first is compared with others.

    Args:
        hashes: all of them.
        first: the first row that is looked up among all.
        radius: bits in which two hashes may differ, fewer than an eighth of all.
        excluded: rows that make no pairs.
    """
    for rows, codes in _shards(hashes.blocks(), excluded):
        _, chosen, own = np.unique(
            codes.view(f"V{codes.shape[1]}"), return_index=True, return_inverse=True
        )
        yield np.stack([rows, rows[chosen][own.reshape(-1)]], axis=1)
        table = _HashTable(rows[chosen], codes[chosen])
        for here, block in _allowed(hashes.blocks(first), first, excluded):
            yield from table.pairs(here, block, radius)


class _HashTable:
    """Hashes, sorted by each of their halves."""

    def __init__(self, rows: NDArray[np.int64], codes: NDArray[np.uint8]) -> None:
        self._rows, self._codes = rows, _as_numbers(np.uint64, codes)
        words, halves = _as_numbers(np.uint32, codes), _as_numbers(np.uint16, codes)
        self._orders = [np.argsort(half, kind="stable").astype(np.int32) for half in halves.T]
        self._words = [words[order, i // 2] for i, order in enumerate(self._orders)]
        self._ends = [
            np.concatenate([[0], np.cumsum(np.bincount(half, minlength=1 << HALF_BITS))])
            for half in halves.T
        ]

    def pairs(
        self, rows: NDArray[np.int64], codes: NDArray[np.uint8], radius: float
    ) -> Iterator[Pairs]:
        """Similar pairs of these hashes and those of the table."""
        whole, words, halves = (
            _as_numbers(kind, codes) for kind in (np.uint64, np.uint32, np.uint16)
        )
        for i, half in enumerate(halves.T):
            order, known, ends = self._orders[i], self._words[i], self._ends[i]
            for flip in (0, *(1 << bit for bit in range(HALF_BITS))):
                value = half.astype(np.int64) ^ flip
                begin = ends[value]
                counts = np.minimum(ends[value + 1] - begin, MAX_GROUP)
                for part in _parts(counts):
                    asked, places = _similar_words(
                        words[part, i // 2], known, begin[part], counts[part]
                    )
                    asked, found = asked + part.start, order[places]
                    apart = np.bitwise_count(whole[asked] ^ self._codes[found]).sum(axis=1)
                    near = apart <= radius
                    yield np.stack([rows[asked[near]], self._rows[found[near]]], axis=1)


def _similar_words(
    words: NDArray[np.uint32],
    known: NDArray[np.uint32],
    begin: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compare each word with a range of known ones; the indices of both, where they are similar."""
    ends = np.cumsum(counts)
    shift = (begin - (ends - counts)).astype(np.int32)
    among = np.arange(ends[-1] if len(ends) else 0, dtype=np.int32)
    among += np.repeat(shift, counts)
    apart = np.bitwise_count(known[among] ^ np.repeat(words, counts))
    similar = np.flatnonzero(apart <= MAX_WORD_BITS)
    return np.searchsorted(ends, similar, side="right"), among[similar]


def _allowed(
    blocks: Iterable[NDArray[np.uint8]], start: int, excluded: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Rows and hashes, block by block, without the excluded ones."""
    for block in blocks:
        rows = np.arange(start, start + len(block))
        start += len(block)
        kept = ~np.isin(rows, excluded)
        yield rows[kept], block[kept]


def _shards(
    blocks: Iterable[NDArray[np.uint8]], excluded: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Rows and hashes, :data:`SHARD_HASHES` or a block more at a time."""
    held: list[tuple[NDArray[np.int64], NDArray[np.uint8]]] = []
    for part in _allowed(blocks, 0, excluded):
        held.append(part)
        if sum(len(rows) for rows, _ in held) >= SHARD_HASHES:
            yield _concatenated(held)
            held = []
    if any(len(rows) for rows, _ in held):
        yield _concatenated(held)


def _concatenated(
    held: list[tuple[NDArray[np.int64], NDArray[np.uint8]]],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    rows, codes = zip(*held, strict=True)
    return np.concatenate(rows), np.concatenate(codes)


def _parts(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Slices whose counts add up to about :data:`PAIRS_AT_ONCE` each."""
    number = np.cumsum(counts) // PAIRS_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(counts)]
    for begin, end in itertools.pairwise(edges):
        yield slice(begin, end)


def _as_numbers(kind: type[np.unsignedinteger[Any]], codes: NDArray[np.uint8]) -> NDArray[Any]:
    """The same bits as larger numbers."""
    return np.ascontiguousarray(codes).view(kind)
