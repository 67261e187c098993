"""How often the training set holds an image, and all its records one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from memguard.index import Index
from memguard.index.record import Record
from memguard.verdict import Match

ROWS = 512
"""Records read at a time."""


def duplicates_of(found: Match | Record) -> int:
    """Files with exactly these bytes, and other references that are nearly this image."""
    return found.exact_duplicates + found.near_duplicates - 1


def records_of(index: Index) -> Iterator[list[Record]]:
    """The references that have pixels, in blocks, in the order in which they were indexed."""
    positions = sorted(index.sample(len(index), np.random.default_rng(0)))
    for start in range(0, len(positions), ROWS):
        yield index.take(positions[start : start + ROWS])
