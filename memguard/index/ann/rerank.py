"""A descriptor's rows in a byte a component, in a memory-mapped file derived from the stored ones.

What a coarse search proposes is compared again by them. A row is its largest component's
magnitude over 127 (float32), then each component in that unit, rounded (int8): 516 bytes for 512
components. Distances of rows of length 1 and hundreds of components are off by less than 0.002. To
read and compare one takes about a microsecond; a Lance `take` of the stored row took thirty, after
a millisecond for the call.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, distances
from memguard.files import PARTIAL

LARGEST = 127

AT_ONCE = 256
"""Rows that are compared at once: few enough for a core's cache."""


class ByteRows:
    """The file, opened.

    Args:
        spec: the descriptor, of floats.
        path: the file.
        rows: how many rows it must hold.

    Raises:
        OSError: it is missing.
        RuntimeError: it is of another size.
    """

    def __init__(self, spec: DescriptorSpec, path: Path, rows: int) -> None:
        row = _row(spec.width)
        if path.stat().st_size != rows * row.itemsize:
            raise RuntimeError(f"{path} does not hold {rows} rows of {spec.width} components")
        self._spec = spec
        self._rows = np.memmap(path, dtype=row, mode="r", shape=(rows,))

    def distances(
        self, query: NDArray[np.float32], positions: NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """The distances of a query, shape (width,), to the rows at these positions."""
        parts = [np.empty(0, np.float32)]
        for start in range(0, len(positions), AT_ONCE):
            coded = self._rows[positions[start : start + AT_ONCE]]
            levels = coded["levels"].astype(np.float32)
            if self._spec.metric == "cosine":  # to scale products takes half the time
                parts.append(1 - coded["unit"] * (levels @ query))
            else:
                parts.append(distances(self._spec, query, levels * coded["unit"][:, None]))
        return np.concatenate(parts)


def written(
    blocks: Iterable[NDArray[np.float32]], path: Path, before: Path | None = None
) -> Iterator[NDArray[np.float32]]:
    """Blocks of rows as they pass by; once they end, they make up the file, which then appears.

    Args:
        blocks: each of shape (n, width).
        path: the file.
        before: one whose rows come before these.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(path.name + PARTIAL)
    try:
        if before is not None:
            shutil.copyfile(before, partial)
        with partial.open("wb" if before is None else "ab") as file:
            for block in blocks:
                try:
                    file.write(_coded(block).tobytes())
                    file.flush()
                except OSError as error:
                    raise OSError(f"{path} cannot be written ({error})") from error
                yield block
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _coded(block: NDArray[np.float32]) -> NDArray[Any]:
    coded = np.zeros(len(block), dtype=_row(block.shape[1]))
    unit = np.abs(block).max(axis=1, initial=0) / LARGEST
    coded["unit"] = unit
    coded["levels"] = np.rint(block / np.where(unit > 0, unit, 1)[:, None])
    return coded


def _row(width: int) -> np.dtype[Any]:
    return np.dtype([("unit", "<f4"), ("levels", "i1", (width,))])
