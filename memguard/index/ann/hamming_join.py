"""Hashes that are near each other, found without comparing each with all.

Where two hashes differ in fewer bits than four for each 32 of theirs, some 32 differ in three at
most, and one half of those in one at most: the pigeonhole principle (Manku et al. 2007, "Detecting
near-duplicates for web crawling"). So those are looked up that share a half but for a bit, their 32
bits are compared, and the few that are left are compared whole.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

HALF = 16
"""Bits by which hashes are looked up, all the same or all but one."""

WORD_BITS = 3
"""Bits in which the 32 around them may differ."""

SHARD = 1 << 22
"""Hashes held in memory at a time, about 200 bytes each."""

LARGEST = 1024
"""Hashes with one value of a half that each is compared with. A larger group, a thousand versions
of one picture or more, holds together through these."""

AT_ONCE = 1 << 16
"""Pairs compared at a time: few enough for a processor's cache."""

Pairs = NDArray[np.int64]
"""Row positions, shape (n, 2)."""


def near_hashes(
    blocks: Callable[[int], Iterable[NDArray[np.uint8]]],
    first: int,
    radius: float,
    alone: NDArray[np.int64],
) -> Iterator[Pairs]:
    """Pairs of hashes that differ in so few bits, a number at a time; some come more than once.

    Of equal hashes, only the first is compared with others.

    Args:
        blocks: given a position, the hashes from there on, in blocks of shape (n, width).
        first: the position from which on hashes are looked up among all.
        radius: bits in which two may differ, fewer than an eighth of all.
        alone: positions of hashes that make no pairs.
    """
    for positions, codes in _shards(blocks(0), alone):
        _, chosen, own = np.unique(
            codes.view(f"V{codes.shape[1]}"), return_index=True, return_inverse=True
        )
        yield np.stack([positions, positions[chosen][own.reshape(-1)]], axis=1)
        table = _Table(positions[chosen], codes[chosen])
        start = first
        for block in blocks(first):
            there = np.arange(start, start + len(block))
            start += len(block)
            kept = ~np.isin(there, alone)
            yield from table.near(there[kept], block[kept], radius)


class _Table:
    """Hashes in the order of each of their halves."""

    def __init__(self, positions: NDArray[np.int64], codes: NDArray[np.uint8]) -> None:
        self._positions, self._codes = positions, _of(np.uint64, codes)
        words, halves = _of(np.uint32, codes), _of(np.uint16, codes)
        self._orders = [np.argsort(half, kind="stable").astype(np.int32) for half in halves.T]
        self._words = [words[order, i // 2] for i, order in enumerate(self._orders)]
        self._ends = [
            np.concatenate([[0], np.cumsum(np.bincount(half, minlength=1 << HALF))])
            for half in halves.T
        ]

    def near(
        self, positions: NDArray[np.int64], codes: NDArray[np.uint8], radius: float
    ) -> Iterator[Pairs]:
        """Pairs of these hashes and those of the table."""
        whole, words, halves = (_of(kind, codes) for kind in (np.uint64, np.uint32, np.uint16))
        for i, half in enumerate(halves.T):
            order, known, ends = self._orders[i], self._words[i], self._ends[i]
            for flip in (0, *(1 << bit for bit in range(HALF))):
                value = half.astype(np.int64) ^ flip
                begin = ends[value]
                counts = np.minimum(ends[value + 1] - begin, LARGEST)
                for part in _parts(counts):
                    rows, places = _similar(words[part, i // 2], known, begin[part], counts[part])
                    asking, found = rows + part.start, order[places]
                    apart = np.bitwise_count(whole[asking] ^ self._codes[found]).sum(axis=1)
                    near = apart <= radius
                    asked, other = positions[asking[near]], self._positions[found[near]]
                    yield np.stack([asked, other], axis=1)


def _similar(
    words: NDArray[np.uint32],
    known: NDArray[np.uint32],
    begin: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each word a range of known ones: which words and which known ones differ in few bits."""
    ends = np.cumsum(counts)
    shift = (begin - (ends - counts)).astype(np.int32)
    among = np.arange(ends[-1] if len(ends) else 0, dtype=np.int32)
    among += np.repeat(shift, counts)
    apart = np.bitwise_count(known[among] ^ np.repeat(words, counts))
    few = np.flatnonzero(apart <= WORD_BITS)
    return np.searchsorted(ends, few, side="right"), among[few]


def _shards(
    blocks: Iterable[NDArray[np.uint8]], alone: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Positions and hashes, those left out that are alone."""
    held: list[tuple[NDArray[np.int64], NDArray[np.uint8]]] = []
    start = 0
    for block in blocks:
        there = np.arange(start, start + len(block))
        start += len(block)
        kept = ~np.isin(there, alone)
        held.append((there[kept], block[kept]))
        if sum(len(positions) for positions, _ in held) >= SHARD:
            yield _together(held)
            held = []
    if any(len(positions) for positions, _ in held):
        yield _together(held)


def _together(
    held: list[tuple[NDArray[np.int64], NDArray[np.uint8]]],
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    positions, codes = zip(*held, strict=True)
    return np.concatenate(positions), np.concatenate(codes)


def _parts(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Slices whose counts come to about :data:`AT_ONCE` each."""
    number = np.cumsum(counts) // AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(number)) + 1).tolist(), len(counts)]
    for begin, end in itertools.pairwise(edges):
        yield slice(begin, end)


def _of(kind: type[np.unsignedinteger[Any]], codes: NDArray[np.uint8]) -> NDArray[Any]:
    """The same bits as larger numbers."""
    return np.ascontiguousarray(codes).view(kind)
