"""Every search against the brute-force oracle ``descriptors.base.distances``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_vectors import InMemory, clustered, copies_of
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, Metric, distances
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.searcher import Excluded, Searcher
from memguard.index.ann.writer import write, write_exact

COUNT = 700
KINDS = ["SQfp16", "IVF64,SQ8", "IVF64,PQ32x4fs", "PCAR48,IVF64,RaBitQ", "PCAR64,PQ16x4fs"]


def random_vectors(spec: DescriptorSpec, count: int, seed: int) -> NDArray[np.generic]:
    """Vectors as they are stored: components are half floats."""
    random = np.random.default_rng(seed)
    if spec.metric == "hamming":
        return random.integers(0, 256, (count, spec.width), dtype=np.uint8)
    vectors = random.normal(size=(count, spec.width)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float16).astype(np.float32)


@pytest.fixture(params=[("hamming", 64), ("hamming", 256), ("cosine", 48)])
def spec(request: pytest.FixtureRequest) -> DescriptorSpec:
    metric: Metric
    metric, dimension = request.param
    return DescriptorSpec("signal", metric, dimension, "m", "p")


def exact(spec: DescriptorSpec, folder: Path) -> AnnIndex:
    return AnnIndex(spec, folder / "vectors.faiss", AnnChoice("exact", 0))


def test_search_equals_brute_force(spec: DescriptorSpec, tmp_path: Path) -> None:
    vectors = random_vectors(spec, COUNT, seed=0)
    searcher = Searcher(write_exact(exact(spec, tmp_path), np.array_split(vectors, 3)))
    queries = np.concatenate([random_vectors(spec, 20, seed=1), vectors[[0, 350, 699]]])
    found, rows = searcher.search(queries, 10)
    assert len(searcher) == COUNT
    assert found.dtype == np.float32
    assert found.shape == rows.shape == (23, 10)
    for query, ours, where in zip(queries, found, rows, strict=True):
        oracle = distances(spec, query, vectors)
        np.testing.assert_allclose(ours, np.sort(oracle)[:10], atol=1e-3)
        np.testing.assert_allclose(oracle[where], ours, atol=1e-3)
    assert rows[-3:, 0].tolist() == [0, 350, 699]
    np.testing.assert_allclose(found[-3:, 0], 0, atol=1e-3)


def test_all_vectors_excluded(spec: DescriptorSpec, tmp_path: Path) -> None:
    vectors = random_vectors(spec, 3, seed=0)
    searcher = Searcher(write_exact(exact(spec, tmp_path), [vectors]))
    found, rows = searcher.search(vectors[:2], 5, excluded=Excluded(np.arange(3), 3))
    assert found.shape == rows.shape == (2, 0)


def test_fewer_vectors_than_neighbours_asked_for(spec: DescriptorSpec, tmp_path: Path) -> None:
    vectors = random_vectors(spec, 3, seed=0)
    found, rows = Searcher(write_exact(exact(spec, tmp_path), [vectors])).search(vectors, 5)
    assert found.shape == (3, 3)
    assert np.sort(rows, axis=1).tolist() == [[0, 1, 2]] * 3


@pytest.fixture(scope="module", params=["BFlat", "BIVF64", *KINDS])
def searched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Searcher, NDArray[np.generic]]:
    """A searcher of each kind over clustered vectors, and the vectors."""
    kind = request.param
    spec = DescriptorSpec("signal", "hamming" if kind[0] == "B" else "cosine", 64, "m", "p")
    vectors = clustered(spec, 3000, seed=0)
    index = AnnIndex(spec, tmp_path_factory.mktemp("ann") / "vectors.faiss", AnnChoice(kind, 0))
    return Searcher(write(index, InMemory(vectors), copies_of(spec, vectors))), vectors


def test_each_kind_finds_copies_at_exact_distances(
    searched: tuple[Searcher, NDArray[np.generic]],
) -> None:
    searcher, vectors = searched
    copies = copies_of(searcher.spec, vectors, seed=7)
    found, rows = searcher.search(copies.vectors, 5)
    assert found.shape == rows.shape == (len(copies.vectors), 5)
    assert (rows == copies.originals[:, None]).any(axis=1).mean() >= 0.98
    assert (np.diff(found, axis=1) >= 0).all()
    as_found = 1e-2 if searcher.choice.nearly_exact else 1e-3
    off = 3e-3 if searcher.choice.candidates else as_found
    for query, near, where in zip(copies.vectors[:20], found, rows):
        oracle = distances(searcher.spec, query, vectors[where])
        np.testing.assert_allclose(near, oracle, atol=off)


def test_excluded_rows_are_never_found(
    searched: tuple[Searcher, NDArray[np.generic]],
) -> None:
    searcher, vectors = searched
    copies = copies_of(searcher.spec, vectors, seed=7)
    excluded = Excluded(copies.originals, len(vectors))
    assert len(excluded) == len(set(copies.originals.tolist()))
    found, rows = searcher.search(copies.vectors, 5, excluded=excluded)
    assert not np.isin(rows, copies.originals).any()
    assert (rows >= 0).all()
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) >= 0).all()


def test_with_all_but_two_excluded_two_are_left(
    searched: tuple[Searcher, NDArray[np.generic]],
) -> None:
    searcher, vectors = searched
    excluded = Excluded(np.arange(2, len(vectors)), len(vectors))
    found, rows = searcher.search(vectors[:1], 5, excluded=excluded)
    assert found.shape == (1, 2)
    assert rows[0, 0] == 0
    assert set(rows[0, 1:].tolist()) <= {1, -1}
    assert (np.isinf(found) == (rows < 0)).all()


def test_candidates_without_vectors_to_rerank_are_an_error(tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", "cosine", 64, "m", "p")
    vectors = clustered(spec, 3000, seed=0)
    index = AnnIndex(spec, tmp_path / "x.faiss", AnnChoice("PCAR48,IVF64,RaBitQ", 0))
    index = write(index, InMemory(vectors))
    os.truncate(index.rerank_path, 68 * 2999)
    with pytest.raises(RuntimeError, match=r"x\.faiss\.rows does not hold 3000 vectors of 64"):
        Searcher(index)
    index.rerank_path.unlink()
    with pytest.raises(FileNotFoundError):
        Searcher(index)
