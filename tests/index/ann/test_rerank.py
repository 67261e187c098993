"""Rows in a byte a component: what candidates are compared by again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_rows import clustered
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, Metric, distances
from memguard.index.ann.rerank import AT_ONCE, ByteRows, written

COUNT = 2 * AT_ONCE + 10


def written_whole(
    blocks: list[NDArray[np.float32]], path: Path, before: Path | None = None
) -> list[NDArray[np.float32]]:
    return list(written(blocks, path, before))


@pytest.mark.parametrize(("metric", "width"), [("cosine", 2048), ("cosine", 512), ("rms", 768)])
def test_distances_are_those_of_the_rows(metric: Metric, width: int, tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", metric, width, "m", "p")
    rows = clustered(spec, COUNT, seed=0)
    rows[7] = 0
    passed = written_whole(np.array_split(rows, 3), tmp_path / "rows")
    np.testing.assert_array_equal(np.concatenate(passed), rows)
    asked = np.random.default_rng(0).permutation(COUNT)
    found = ByteRows(spec, tmp_path / "rows", COUNT).distances(rows[3], asked)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, distances(spec, rows[3], rows[asked]), atol=2e-3)


def test_no_positions_have_no_distances(tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", "cosine", 64, "m", "p")
    rows = clustered(spec, 90, seed=0)
    written_whole([rows], tmp_path / "rows")
    found = ByteRows(spec, tmp_path / "rows", 90).distances(rows[0], np.empty(0, np.int64))
    assert found.shape == (0,)


def test_rows_are_added_after_those_there_were(tmp_path: Path) -> None:
    spec = DescriptorSpec("signal", "cosine", 64, "m", "p")
    rows = clustered(spec, 90, seed=0)
    written_whole([rows], tmp_path / "whole")
    written_whole([rows[:50]], tmp_path / "old")
    written_whole([rows[50:70], rows[70:]], tmp_path / "grown", tmp_path / "old")
    assert (tmp_path / "grown").read_bytes() == (tmp_path / "whole").read_bytes()
    assert (tmp_path / "whole").read_bytes().startswith((tmp_path / "old").read_bytes())


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    rows = clustered(DescriptorSpec("signal", "cosine", 64, "m", "p"), 90, seed=0)

    def breaking_off() -> Iterator[NDArray[np.float32]]:
        yield rows
        raise ValueError("the source broke off")

    with pytest.raises(ValueError, match="broke off"):
        list(written(breaking_off(), tmp_path / "rows"))
    assert list(tmp_path.iterdir()) == []
