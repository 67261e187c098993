"""Every search against the brute-force oracle ``descriptors.base.distances``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, Metric, distances
from memguard.index import ann

ROWS = 700


def random_rows(spec: DescriptorSpec, count: int, seed: int) -> NDArray[np.generic]:
    random = np.random.default_rng(seed)
    if spec.metric == "hamming":
        return random.integers(0, 256, (count, spec.width), dtype=np.uint8)
    rows = random.normal(size=(count, spec.width)).astype(np.float32)
    if spec.metric == "rms":
        return np.abs(rows) % 1
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(params=[("hamming", 64), ("hamming", 256), ("cosine", 48), ("rms", 768)])
def spec(request: pytest.FixtureRequest) -> DescriptorSpec:
    metric: Metric
    metric, dimension = request.param
    return DescriptorSpec("signal", metric, dimension, "m", "p")


def test_search_equals_brute_force(spec: DescriptorSpec, tmp_path: Path) -> None:
    rows = random_rows(spec, ROWS, seed=0)
    ann.write(spec, np.array_split(rows, 3), tmp_path / "rows.faiss")
    searcher = ann.Searcher(spec, tmp_path / "rows.faiss")
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
    ann.write(spec, [rows], tmp_path / "rows.faiss")
    found, positions = ann.Searcher(spec, tmp_path / "rows.faiss").search(rows, 5)
    assert found.shape == (3, 3)
    assert np.sort(positions, axis=1).tolist() == [[0, 1, 2]] * 3


def test_rows_come_back_as_they_went_in(spec: DescriptorSpec, tmp_path: Path) -> None:
    rows = random_rows(spec, 5, seed=0)
    ann.write(spec, [rows], tmp_path / "rows.faiss")
    searcher = ann.Searcher(spec, tmp_path / "rows.faiss")
    np.testing.assert_array_equal(np.stack([searcher.row(i) for i in range(5)]), rows)


def test_a_file_that_cannot_be_written(spec: DescriptorSpec, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"gone/rows\.faiss cannot be written"):
        ann.write(spec, [random_rows(spec, 2, seed=0)], tmp_path / "gone" / "rows.faiss")
