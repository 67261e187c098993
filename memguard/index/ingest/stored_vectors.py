"""The vectors in an index's tables, as ANN indexes are built from them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.store.tables import Tables


@dataclass(frozen=True)
class StoredVectors:
    """One descriptor's matrix (:class:`memguard.index.ann.vectors.Vectors`)."""

    tables: Tables
    spec: DescriptorSpec

    def __len__(self) -> int:
        return len(self.tables)

    def blocks(self, start: int = 0) -> Iterator[NDArray[Any]]:
        return self.tables.column(self.spec, after=start)

    def fetch(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        return self.tables.vectors(self.spec, rows.tolist())
