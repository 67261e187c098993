"""The training images of an index: their duplicates, and their pixels in blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from memguard.auditing.distances import Pixels, to_squares
from memguard.index import Index
from memguard.index.record import Record
from memguard.verdict import Match

BLOCK_RECORDS = 512
"""Records read at a time."""


def duplicates_of(found: Match | Record) -> int:
    """Files with exactly these bytes, and other references that are nearly this image."""
    return found.exact_duplicates + found.near_duplicates - 1


def records_of(index: Index) -> Iterator[list[Record]]:
    """The references that have pixels, in blocks, in the order in which they were indexed."""
    rows = sorted(index.sample(len(index), np.random.default_rng(0)))
    for start in range(0, len(rows), BLOCK_RECORDS):
        yield index.take(rows[start : start + BLOCK_RECORDS])


class ReferencePixels:
    """The pixels of an index's references, in blocks; can be iterated any number of times.

    References without pixels, of which only embeddings were indexed, are left out.

    Args:
        index: the training set.
        side: edge of the squares, a multiple of 4.

    Attributes:
        file_counts: number of files of the training set with each reference, int64 (m,); complete
            after one iteration.
    """

    def __init__(self, index: Index, side: int) -> None:
        self._index = index
        self._side = side
        self.file_counts: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def __iter__(self) -> Iterator[Pixels]:
        file_counts: list[int] = []
        for records in records_of(self._index):
            file_counts += [record.exact_duplicates for record in records]
            yield to_squares([record.image() for record in records], self._side)
        self.file_counts = np.array(file_counts, dtype=np.int64)
