"""Synthetic descriptor vectors at the size of a training set, and simulated copies of them.

Vectors fall into clusters, as those of images do. Each descriptor has its own similarity of copies
and of neighbours. VLAD's were seen on the pictures of `benchmarks.common.pictures`: crops of 80 %
have a median cosine of 0.50 with their picture, the nearest other picture has 0.29.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, Metric
from memguard.index.ann.recall import ExactSearch, RecallProbe

SEED = 0
CLUSTERS = 5000
BLOCK_VECTORS = 8192
"""Vectors that are read or written at once."""
COPIES = 400
"""For tuning; as many again, which tuning does not see, measure recall."""


@dataclass(frozen=True)
class Kind:
    """Vectors like those of one descriptor.

    Attributes:
        metric, dimension: as in a descriptor's spec.
        within: cosine of two vectors of one cluster; for hashes the share of equal bits; None for
            vectors that are not synthetic (:mod:`benchmarks.index.pieces`).
        copy: cosine of a copy with its original; for hashes the share of equal bits; or None.
        decay: the direction after which the variance of a vector starts to fall; None for
            equal variance in all directions.
    """

    metric: Metric
    dimension: int
    within: float | None
    copy: float | None
    decay: int | None = None


KINDS = {
    "phash64": Kind("hamming", 64, 0.8, 0.94),
    "phash256": Kind("hamming", 256, 0.8, 0.94),
    "embedding": Kind("cosine", 512, 0.6, 0.9),
    "pixels": Kind("cosine", 768, 0.5, 0.8, decay=50),
    "vlad": Kind("cosine", 2048, 0.3, 0.5, decay=100),
    "pieces": Kind("cosine", 2048, None, None),
}


class Vectors:
    """A Lance dataset of one descriptor's vectors, stored as an index does; made on first use.

    Args:
        name: a key of :data:`KINDS`.
        count: how many vectors.
        folder: where the dataset and the copies are kept.
    """

    def __init__(self, name: str, count: int, folder: Path) -> None:
        self.kind, self.count = KINDS[name], count
        self.spec = DescriptorSpec(name, self.kind.metric, self.kind.dimension, "synthetic", "")
        self._file = folder / f"{name}-{count}.lance"
        self._copies = folder / f"{name}-{count}.npz"
        folder.mkdir(parents=True, exist_ok=True)
        if not self._copies.exists():
            self._make()

    @cached_property
    def _stored(self) -> Any:
        return lance.dataset(self._file)

    def __len__(self) -> int:
        return self.count

    def blocks(self, start: int = 0) -> Iterator[NDArray[Any]]:
        """The vectors from a row on, a block at a time."""
        for batch in self._stored.to_batches(
            batch_size=BLOCK_VECTORS, scan_in_order=True, offset=start or None
        ):
            yield self._matrix(batch.column("row"))

    def fetch(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """The vectors of some rows of the dataset."""
        return self._matrix(self._stored.take(rows, columns=["row"]).column("row"))

    def copies(self, part: str) -> RecallProbe:
        """Those for ``"tuning"``, or for ``"test"``: of the latter, only copies whose original an
        exact search finds."""
        with np.load(self._copies) as arrays:
            return RecallProbe(arrays[f"{part}_rows"], arrays[f"{part}_originals"])

    def _make(self) -> None:
        schema = pa.schema([pa.field("row", _arrow_type(self.spec))])
        batches = (
            pa.record_batch([_arrow_array(self.spec, block)], schema=schema)
            for block in self._generate()
        )
        lance.write_dataset(
            pa.RecordBatchReader.from_batches(schema, batches), self._file, mode="overwrite"
        )
        tuning, test = self._simulate_copies(SEED + 1), self._simulate_copies(SEED + 2)
        exact = ExactSearch(self.spec, test, self)
        for block in self.blocks():
            exact.add(block)
        test = exact.found()
        np.savez(
            self._copies,
            tuning_rows=tuning.vectors,
            tuning_originals=tuning.originals,
            test_rows=test.vectors,
            test_originals=test.originals,
        )

    def _generate(self) -> Iterator[NDArray[Any]]:
        assert self.kind.within is not None
        random = np.random.default_rng(SEED)
        if self.kind.metric == "hamming":
            shape = (CLUSTERS, self.spec.width)
            centres: NDArray[Any] = random.integers(0, 256, shape, dtype=np.uint8)
            apart = 1 - np.sqrt(2 * self.kind.within - 1)
            for size in self._block_sizes():
                flips = random.random((size, self.kind.dimension), dtype=np.float32) < apart / 2
                yield centres[random.integers(0, CLUSTERS, size)] ^ np.packbits(flips, axis=1)
            return
        centres = _normalised(self._noise(random, CLUSTERS))
        near, far = np.sqrt([self.kind.within, 1 - self.kind.within]).astype(np.float32)
        for size in self._block_sizes():
            own = centres[random.integers(0, CLUSTERS, size)]
            yield _normalised(near * own + far * _normalised(self._noise(random, size)))

    def _simulate_copies(self, seed: int) -> RecallProbe:
        assert self.kind.copy is not None
        random = np.random.default_rng(seed)
        originals = random.choice(self.count, COPIES, replace=False)
        order = np.argsort(originals)
        clean: NDArray[Any] = np.empty((len(originals), self.spec.width), dtype=self._dtype)
        clean[order] = self.fetch(originals[order])
        if self.kind.metric == "hamming":
            flips = random.random((len(clean), self.kind.dimension)) < 1 - self.kind.copy
            return RecallProbe(clean ^ np.packbits(flips, axis=1), originals)
        noise = self._noise(random, len(clean))
        noise -= (noise * clean).sum(axis=1, keepdims=True) * clean
        mixed = self.kind.copy * clean + np.sqrt(1 - self.kind.copy**2) * _normalised(noise)
        return RecallProbe(mixed.astype(np.float32), originals)

    def _noise(self, random: np.random.Generator, count: int) -> NDArray[np.float32]:
        noise = random.standard_normal((count, self.kind.dimension), dtype=np.float32)
        if self.kind.decay is not None:
            noise /= np.sqrt(1 + np.arange(self.kind.dimension, dtype=np.float32) / self.kind.decay)
        return noise

    def _block_sizes(self) -> list[int]:
        starts = range(0, self.count, BLOCK_VECTORS)
        return [min(BLOCK_VECTORS, self.count - start) for start in starts]

    @property
    def _dtype(self) -> type:
        return np.uint8 if self.kind.metric == "hamming" else np.float32

    def _matrix(self, column: Any) -> NDArray[Any]:
        array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        flat = np.asarray(array.flatten()).reshape(-1, self.spec.width)
        return flat.astype(self._dtype)


def _arrow_type(spec: DescriptorSpec) -> pa.DataType:
    return pa.list_(pa.uint8() if spec.metric == "hamming" else pa.float16(), spec.width)


def _arrow_array(spec: DescriptorSpec, block: NDArray[Any]) -> pa.Array:
    flat = block if spec.metric == "hamming" else block.astype(np.float16)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), spec.width)


def _normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
