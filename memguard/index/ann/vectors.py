"""The vectors that an ANN index is built from, wherever they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Vectors(Protocol):
    """One descriptor's matrix, a vector a row: uint8 for hashes, float32 otherwise."""

    def __len__(self) -> int: ...

    def blocks(self, start: int = 0) -> Iterator[NDArray[Any]]:
        """The vectors from row ``start`` on, in blocks of shape (n, width)."""
        ...

    def fetch(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """The vectors at some rows, shape (n, width), in that order."""
        ...
