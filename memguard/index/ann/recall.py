"""The recall of an ANN index: the share of simulated copies whose reference it finds.

Only copies count whose reference an exact search finds: what that misses, no index can find.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, distances
from memguard.index.ann.vectors import Vectors

RECALL_AT = 5
"""A reference counts as found among this many nearest neighbours, as many as the detector asks
for."""

FLOAT_TOLERANCE = 1e-5
"""Float distances that differ by less are equal."""

NOISY_VECTORS = 400
"""Vectors of a noisy probe."""

NOISY_COSINE = 0.8
"""Cosine similarity of a noisy vector and the one that it was made of."""

NOISY_BITS = 0.1
"""Share of the bits in which a noisy hash differs."""


@dataclass(frozen=True)
class RecallProbe:
    """Queries whose nearest neighbour is known: simulated copies of references, described.

    Attributes:
        vectors: shape (m, width).
        originals: the rows of their references, int64 (m,).
    """

    vectors: NDArray[Any]
    originals: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.vectors)


class ExactSearch:
    """An exact search for a probe's references, over blocks of vectors as they pass by."""

    def __init__(self, spec: DescriptorSpec, probe: RecallProbe, vectors: Vectors) -> None:
        rows, where = np.unique(probe.originals, return_inverse=True)
        references = vectors.fetch(rows)[where]
        self._spec, self._probe = spec, probe
        pairs = zip(probe.vectors, references, strict=True)
        nearest = [float(distances(spec, copy, reference[None])[0]) for copy, reference in pairs]
        self._reach = np.array(nearest) + (0 if spec.metric == "hamming" else FLOAT_TOLERANCE)
        self._nearer = np.zeros(len(probe), dtype=np.int64)

    def add(self, block: NDArray[Any]) -> None:
        """Search the next vectors, shape (n, width)."""
        if self._spec.metric == "cosine":
            apart = 1 - block @ self._probe.vectors.T
            self._nearer += (apart <= self._reach).sum(axis=0)
            return
        for i, copy in enumerate(self._probe.vectors):
            self._nearer[i] += int((distances(self._spec, copy, block) <= self._reach[i]).sum())

    def found(self) -> RecallProbe:
        """The part of the probe whose references are among the exact nearest neighbours."""
        kept = self._nearer <= RECALL_AT
        return RecallProbe(self._probe.vectors[kept], self._probe.originals[kept])


def noisy_probe(spec: DescriptorSpec, vectors: Vectors) -> RecallProbe:
    """Vectors with noise, in place of copies where the index holds no pixels."""
    random = np.random.default_rng(0)
    count = min(len(vectors), NOISY_VECTORS)
    originals = np.sort(random.choice(len(vectors), count, replace=False))
    clean = vectors.fetch(originals)
    if spec.metric == "hamming":
        flips = random.random((len(clean), spec.dimension)) < NOISY_BITS
        return RecallProbe(clean ^ np.packbits(flips, axis=1), originals)
    noise = random.normal(size=clean.shape).astype(np.float32)
    lengths = np.linalg.norm(clean, axis=1, keepdims=True)
    noise *= lengths / np.linalg.norm(noise, axis=1, keepdims=True)
    mixed = NOISY_COSINE * clean + np.sqrt(1 - NOISY_COSINE**2) * noise
    return RecallProbe(mixed.astype(np.float32), originals)
