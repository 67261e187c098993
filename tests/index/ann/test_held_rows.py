"""ANN indexes whose rows are those of a matrix, or others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_vectors import InMemory, clustered, copies_of

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.held_rows import holds_rows
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.writer import write

COUNT = 3000
HASHES = DescriptorSpec("hash", "hamming", 64, "m", "p")
VECTORS = DescriptorSpec("vector", "cosine", 64, "m", "p")


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (HASHES, "BFlat"),
        (HASHES, "BIVF64"),
        (VECTORS, "SQfp16"),
        (VECTORS, "IVF64,SQ8"),
        (VECTORS, "IVF64,PQ32x4fs"),
        (VECTORS, "PCAR32,IVF64,RaBitQ"),
        (VECTORS, "PCAR64,PQ16x4fs"),
    ],
)
def test_the_last_rows_are_others(spec: DescriptorSpec, kind: str, tmp_path: Path) -> None:
    vectors = clustered(spec, COUNT, seed=0)
    index = AnnIndex(spec, tmp_path / "x.faiss", AnnChoice(kind, 0))
    index = write(index, InMemory(vectors), copies_of(spec, vectors))
    assert holds_rows(index, InMemory(vectors))
    shifted = np.concatenate([vectors[:-40], vectors[-39:], vectors[:1]])
    assert not holds_rows(index, InMemory(shifted))
    assert not holds_rows(index, InMemory(vectors[:-1]))
    bare = vectors.copy()
    bare[7] = 0
    assert holds_rows(index, InMemory(bare))
