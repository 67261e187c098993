"""Indexes filled in shards, whose inverted lists are merged on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_vectors import InMemory, clustered, copies_of
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann import shards
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.writer import extend, write

VECTORS = DescriptorSpec("vector", "cosine", 64, "m", "p")
COUNT = 3000


def written(kind: str, vectors: NDArray[np.generic], path: Path) -> AnnIndex:
    index = AnnIndex(VECTORS, path, AnnChoice(kind, 0))
    return write(index, InMemory(vectors), copies_of(VECTORS, vectors))


@pytest.mark.parametrize("kind", ["IVF64,SQ8", "PCAR32,IVF64,RaBitQ"])
def test_an_index_larger_than_a_shard_is_merged_on_disk_and_can_be_moved(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = clustered(VECTORS, COUNT, seed=0)
    whole = written(kind, vectors[:2500], tmp_path / "whole.faiss")
    monkeypatch.setattr(shards, "SHARD_BYTES", whole.choice.bytes // 4)
    (tmp_path / "shards").mkdir()
    index = written(kind, vectors[:2500], tmp_path / "shards" / "x.faiss")
    assert sorted(index.files()) == sorted((tmp_path / "shards").iterdir())
    assert index.inverted_lists_path.exists()
    assert index.choice.bytes >= whole.choice.bytes
    moved = index.at((tmp_path / "shards").rename(tmp_path / "moved") / "x.faiss")
    ours, theirs = Searcher(moved), Searcher(whole)
    for found, expected in zip(ours.search(vectors[:200], 5), theirs.search(vectors[:200], 5)):
        np.testing.assert_array_equal(found, expected)
    grown = extend(moved, [vectors[2500:]], tmp_path / "grown.faiss")
    _, found = Searcher(grown).search(vectors, 1)
    assert (found[:, 0] == np.arange(COUNT)).mean() >= 0.99


def test_only_large_inverted_lists_of_vectors_grow_on_disk(tmp_path: Path) -> None:
    def grows(kind: str, size: int, metric: str = "cosine") -> bool:
        spec = DescriptorSpec("x", metric, 64, "m", "p")
        return shards.grows_on_disk(AnnIndex(spec, tmp_path / "x.faiss", AnnChoice(kind, size)))

    large = shards.SHARD_BYTES + 1
    assert grows("IVF64,SQ8", large)
    assert not grows("IVF64,SQ8", shards.SHARD_BYTES)
    assert not grows("IVF64,PQ32x4fs", large), "FAISS cannot merge packed codes"
    assert not grows("BIVF64", large, "hamming")
    assert not grows("SQfp16", large)
