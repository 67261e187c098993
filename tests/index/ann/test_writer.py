"""ANN indexes as they are written, tuned and extended."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_vectors import InMemory, clustered, copies_of
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.writer import extend, write, write_exact

HASHES = DescriptorSpec("hash", "hamming", 64, "m", "p")
VECTORS = DescriptorSpec("vector", "cosine", 64, "m", "p")
KINDS = [
    "SQfp16",
    "BFlat",
    "BIVF64",
    "IVF64,SQ8",
    "IVF64,PQ32x4fs",
    "PCAR32,IVF64,RaBitQ",
    "PCAR64,PQ16x4fs",
]
COUNT = 3000


def spec_of(kind: str) -> DescriptorSpec:
    return HASHES if kind.startswith("B") else VECTORS


def written(kind: str, vectors: NDArray[np.generic], path: Path) -> AnnIndex:
    spec = spec_of(kind)
    index = AnnIndex(spec, path, AnnChoice(kind, 0))
    return write(index, InMemory(vectors), copies_of(spec, vectors))


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_and_the_settings_are_recorded(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "x.faiss"
    index = written(kind, clustered(spec_of(kind), COUNT, seed=0), path)
    choice = index.choice
    assert choice.kind == kind
    assert choice.bytes == path.stat().st_size
    assert choice.exact == (kind in ("SQfp16", "BFlat"))
    if not choice.exact:
        assert (choice.nprobe >= 1) == choice.uses_inverted_lists
        assert choice.recall is not None
        assert choice.recall >= 0.98
    assert set(tmp_path.iterdir()) == set(index.files())
    assert (index.rerank_path in index.files()) == (choice.candidates > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_an_extended_index_holds_old_and_new_vectors(kind: str, tmp_path: Path) -> None:
    spec, path = spec_of(kind), tmp_path / "new.faiss"
    vectors = clustered(spec, COUNT, seed=0)
    old = written(kind, vectors[:2500], tmp_path / "old.faiss")
    index = extend(old, np.array_split(vectors[2500:], 3), path)
    grown, choice = index.choice, old.choice
    assert (grown.kind, grown.nprobe, grown.recall) == (choice.kind, choice.nprobe, choice.recall)
    assert grown.bytes == path.stat().st_size > choice.bytes
    searcher = Searcher(index)
    assert len(searcher) == COUNT
    _, found = searcher.search(vectors, 1)
    assert (found[:, 0] == np.arange(COUNT)).mean() >= 0.99
    assert len(Searcher(old)) == 2500


def test_without_copies_the_recall_of_copies_is_unknown(tmp_path: Path) -> None:
    vectors = clustered(VECTORS, COUNT, seed=0)
    index = AnnIndex(VECTORS, tmp_path / "x.faiss", AnnChoice("IVF64,SQ8", 0))
    tuned = write(index, InMemory(vectors)).choice
    assert tuned.recall is None
    assert tuned.nprobe >= 1
    assert tuned.candidates == 0, "noisy vectors show no loss of a byte a component"


@pytest.mark.parametrize(
    ("kind", "full"), [("SQfp16", r"x\.faiss"), ("IVF64,SQ8", r"x\.faiss\.rows")]
)
def test_a_full_disk(kind: str, full: str, tmp_path: Path) -> None:
    vectors = clustered(VECTORS, COUNT, seed=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match=f"{full} cannot be written"):
            written(kind, vectors, tmp_path / "x.faiss")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "x.faiss").exists()


@pytest.mark.parametrize("spec", [HASHES, VECTORS], ids=["hashes", "vectors"])
def test_an_exact_index_that_cannot_be_written(spec: DescriptorSpec, tmp_path: Path) -> None:
    index = AnnIndex(spec, tmp_path / "gone" / "x.faiss", AnnChoice("exact", 0))
    with pytest.raises(OSError, match=r"gone/x\.faiss cannot be written"):
        write_exact(index, [clustered(spec, 40, seed=0)])
