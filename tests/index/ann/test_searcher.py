"""Every search against the brute-force oracle ``descriptors.base.distances``."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_rows import clustered, copies_of
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, Metric, distances
from memguard.index.ann import searcher as ann
from memguard.index.ann.files import rows_path, write
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.writer import derive

ROWS = 700
EXACT = AnnChoice("exact", 0)
KINDS = ["SQfp16", "IVF64,SQ8", "IVF64,PQ32x4fs", "PCAR48,IVF64,RaBitQ", "PCAR64,PQ16x4fs"]


def random_rows(spec: DescriptorSpec, count: int, seed: int) -> NDArray[np.generic]:
    """Rows as they are stored: components are half floats."""
    random = np.random.default_rng(seed)
    if spec.metric == "hamming":
        return random.integers(0, 256, (count, spec.width), dtype=np.uint8)
    rows = random.normal(size=(count, spec.width)).astype(np.float32)
    if spec.metric == "rms":
        rows = np.abs(rows) % 1
    else:
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16).astype(np.float32)


@pytest.fixture(params=[("hamming", 64), ("hamming", 256), ("cosine", 48), ("rms", 768)])
def spec(request: pytest.FixtureRequest) -> DescriptorSpec:
    metric: Metric
    metric, dimension = request.param
    return DescriptorSpec("signal", metric, dimension, "m", "p")


def test_search_equals_brute_force(spec: DescriptorSpec, tmp_path: Path) -> None:
    rows = random_rows(spec, ROWS, seed=0)
    write(spec, np.array_split(rows, 3), tmp_path / "rows.faiss")
    searcher = ann.Searcher(spec, tmp_path / "rows.faiss", EXACT)
    queries = np.concatenate([random_rows(spec, 20, seed=1), rows[[0, 350, 699]]])
    found, positions = searcher.search(queries, 10)
    assert len(searcher) == ROWS
    assert found.dtype == np.float32
    assert found.shape == positions.shape == (23, 10)
    for query, ours, where in zip(queries, found, positions, strict=True):
        oracle = distances(spec, query, rows)
        np.testing.assert_allclose(ours, np.sort(oracle)[:10], atol=1e-3)
        np.testing.assert_allclose(oracle[where], ours, atol=1e-3)
    assert positions[-3:, 0].tolist() == [0, 350, 699]
    np.testing.assert_allclose(found[-3:, 0], 0, atol=1e-3)


def test_fewer_rows_than_neighbours_asked_for(spec: DescriptorSpec, tmp_path: Path) -> None:
    rows = random_rows(spec, 3, seed=0)
    write(spec, [rows], tmp_path / "rows.faiss")
    found, positions = ann.Searcher(spec, tmp_path / "rows.faiss", EXACT).search(rows, 5)
    assert found.shape == (3, 3)
    assert np.sort(positions, axis=1).tolist() == [[0, 1, 2]] * 3


def test_a_file_that_cannot_be_written(spec: DescriptorSpec, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"gone/rows\.faiss cannot be written"):
        write(spec, [random_rows(spec, 2, seed=0)], tmp_path / "gone" / "rows.faiss")


@pytest.fixture(scope="module", params=["BFlat", "BIVF64", *KINDS])
def searched(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[ann.Searcher, NDArray[np.generic]]:
    """A searcher of each kind over clustered rows, and the rows."""
    kind = request.param
    spec = DescriptorSpec("signal", "hamming" if kind[0] == "B" else "cosine", 64, "m", "p")
    rows = clustered(spec, 3000, seed=0)
    path = tmp_path_factory.mktemp("ann") / "rows.faiss"
    choice = derive(
        spec, AnnChoice(kind, 0), [rows], len(rows), rows.__getitem__, path, copies_of(spec, rows)
    )
    return ann.Searcher(spec, path, choice), rows


def test_each_kind_finds_copies_at_exact_distances(
    searched: tuple[ann.Searcher, NDArray[np.generic]],
) -> None:
    searcher, rows = searched
    copies = copies_of(searcher.spec, rows, seed=7)
    found, positions = searcher.search(copies.rows, 5)
    assert found.shape == positions.shape == (len(copies.rows), 5)
    assert (positions == copies.originals[:, None]).any(axis=1).mean() >= 0.98
    assert (np.diff(found, axis=1) >= 0).all()
    as_found = 1e-2 if searcher.choice.nearly_exact else 1e-3
    off = 3e-3 if searcher.choice.candidates else as_found
    for query, near, where in zip(copies.rows[:20], found, positions):
        oracle = distances(searcher.spec, query, rows[where])
        np.testing.assert_allclose(near, oracle, atol=off)


def test_excluded_rows_are_never_found(
    searched: tuple[ann.Searcher, NDArray[np.generic]],
) -> None:
    searcher, rows = searched
    copies = copies_of(searcher.spec, rows, seed=7)
    excluded = ann.Excluded(copies.originals, len(rows))
    assert len(excluded) == len(set(copies.originals.tolist()))
    found, positions = searcher.search(copies.rows, 5, excluded=excluded)
    assert not np.isin(positions, copies.originals).any()
    assert (positions >= 0).all()
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=1) >= 0).all()


def test_with_all_but_two_excluded_two_are_left(
    searched: tuple[ann.Searcher, NDArray[np.generic]],
) -> None:
    searcher, rows = searched
    excluded = ann.Excluded(np.arange(2, len(rows)), len(rows))
    found, positions = searcher.search(rows[:1], 5, excluded=excluded)
    assert found.shape == (1, 2)
    assert positions[0, 0] == 0
    assert set(positions[0, 1:].tolist()) <= {1, -1}
    assert (np.isinf(found) == (positions < 0)).all()


def test_candidates_without_their_rows_are_an_error(tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", "cosine", 64, "m", "p")
    rows = clustered(spec, 3000, seed=0)
    path = tmp_path / "rows.faiss"
    choice = derive(
        spec, AnnChoice("PCAR48,IVF64,RaBitQ", 0), [rows], len(rows), rows.__getitem__, path
    )
    os.truncate(rows_path(path), 68 * 2999)
    with pytest.raises(RuntimeError, match=r"rows\.faiss\.rows does not hold 3000 rows of 64"):
        ann.Searcher(spec, path, choice)
    rows_path(path).unlink()
    with pytest.raises(FileNotFoundError):
        ann.Searcher(spec, path, choice)
