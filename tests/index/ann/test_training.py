"""Indexes trained on a sample of the vectors."""

from __future__ import annotations

import faiss
import pytest
from fixtures.clustered_vectors import InMemory, clustered

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann import training
from memguard.index.ann.faiss_io import inverted_list_count
from memguard.index.ann.training import trained

VECTORS = DescriptorSpec("vector", "cosine", 64, "m", "p")
HASHES = DescriptorSpec("hash", "hamming", 64, "m", "p")


@pytest.mark.parametrize(
    ("kind", "lists"),
    [("IVF64,SQ8", 64), ("PCAR32,IVF64,RaBitQ", 64), ("PCAR64,PQ16x4fs", 0), ("BIVF64", 64)],
)
def test_a_trained_index_is_empty_and_the_same_every_time(kind: str, lists: int) -> None:
    spec = HASHES if kind.startswith("B") else VECTORS
    write = faiss.serialize_index_binary if kind.startswith("B") else faiss.serialize_index
    vectors = InMemory(clustered(spec, 3000, seed=0))
    one, again = (trained(spec, kind, vectors) for _ in range(2))
    assert one.is_trained
    assert (one.ntotal, inverted_list_count(one)) == (0, lists)
    assert bytes(write(one)) == bytes(write(again))


def test_the_sample_is_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = InMemory(clustered(VECTORS, 3000, seed=0))
    whole = trained(VECTORS, "IVF64,SQ8", vectors)
    monkeypatch.setattr(training, "FETCHED_VECTORS", 100)
    parts = trained(VECTORS, "IVF64,SQ8", vectors)
    assert bytes(faiss.serialize_index(parts)) == bytes(faiss.serialize_index(whole))
