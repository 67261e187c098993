"""Training: centroids and principal components from a sample of the vectors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.faiss_io import empty, inverted_list_count
from memguard.index.ann.vectors import Vectors

SAMPLE_PER_CENTROID = 40
"""Vectors for each centroid: FAISS warns of fewer than 39."""

TRANSFORM_SAMPLE = 16_384
"""Vectors for principal components and their mean: 16 for each component that is kept."""

FETCHED_VECTORS = 8192
"""Vectors of the sample that are read at a time."""


def trained(spec: DescriptorSpec, kind: str, vectors: Vectors) -> Any:
    """A FAISS index of this kind, trained and still empty."""
    index = empty(spec, kind)
    random = np.random.default_rng(0)

    def sample(count: int) -> Iterator[NDArray[Any]]:
        rows = np.sort(random.choice(len(vectors), min(len(vectors), count), replace=False))
        for start in range(0, len(rows), FETCHED_VECTORS):
            yield vectors.fetch(rows[start : start + FETCHED_VECTORS])

    wanted = SAMPLE_PER_CENTROID * inverted_list_count(index) or TRANSFORM_SAMPLE
    if not isinstance(index, faiss.IndexPreTransform):
        index.train(np.concatenate(list(sample(wanted))))
        return index
    transform = faiss.downcast_VectorTransform(index.chain.at(0))
    transform.train(np.concatenate(list(sample(TRANSFORM_SAMPLE))))
    reduced = [transform.apply(block) for block in sample(wanted)]
    faiss.downcast_index(index.index).train(np.concatenate(reduced))
    index.is_trained = True
    return index
