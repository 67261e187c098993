"""Vectors in a byte a component, by which candidates are reranked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_vectors import clustered
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, distances
from memguard.index.ann.rerank import VECTORS_AT_ONCE, ByteVectors, write_through

COUNT = 2 * VECTORS_AT_ONCE + 10


def write_all(
    blocks: list[NDArray[np.float32]], path: Path, after: Path | None = None
) -> list[NDArray[np.float32]]:
    return list(write_through(blocks, path, after))


@pytest.mark.parametrize("width", [2048, 512])
def test_distances_are_those_of_the_vectors(width: int, tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", "cosine", width, "m", "p")
    vectors = clustered(spec, COUNT, seed=0)
    vectors[7] = 0
    passed = write_all(np.array_split(vectors, 3), tmp_path / "rows")
    np.testing.assert_array_equal(np.concatenate(passed), vectors)
    asked = np.random.default_rng(0).permutation(COUNT)
    found = ByteVectors(spec, tmp_path / "rows", COUNT).distances(vectors[3], asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, distances(spec, vectors[3], vectors[asked]), atol=2e-3)


def test_no_rows_have_no_distances(tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", "cosine", 64, "m", "p")
    vectors = clustered(spec, 90, seed=0)
    write_all([vectors], tmp_path / "rows")
    found = ByteVectors(spec, tmp_path / "rows", 90).distances(vectors[0], np.empty(0, np.int64))
    assert found.shape == (0,)


def test_vectors_are_added_after_older_ones(tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", "cosine", 64, "m", "p")
    vectors = clustered(spec, 90, seed=0)
    write_all([vectors], tmp_path / "whole")
    write_all([vectors[:50]], tmp_path / "old")
    write_all([vectors[50:70], vectors[70:]], tmp_path / "grown", tmp_path / "old")
    assert (tmp_path / "grown").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (tmp_path / "whole").read_bytes().startswith((tmp_path / "old").read_bytes())


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    vectors = clustered(DescriptorSpec("signal", "cosine", 64, "m", "p"), 90, seed=0)

    def breaking_off() -> Iterator[NDArray[np.float32]]:
        yield vectors
        raise ValueError("the source broke off")

    with pytest.raises(ValueError, match="broke off"):
        list(write_through(breaking_off(), tmp_path / "rows"))
    assert list(tmp_path.iterdir()) == []
