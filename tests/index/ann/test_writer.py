"""FAISS files as they are written, grown and merged on disk."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_rows import clustered, copies_of
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann import writer as ann_writing
from memguard.index.ann.files import files, lists_path, rows_path
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.writer import derive, extend

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
ROWS = 3000


def spec_of(kind: str) -> DescriptorSpec:
    return HASHES if kind.startswith("B") else VECTORS


def derived(kind: str, rows: NDArray[np.generic], path: Path) -> AnnChoice:
    spec = spec_of(kind)
    blocks = np.array_split(rows, 7)
    copies = copies_of(spec, rows)
    return derive(spec, AnnChoice(kind, 0), blocks, len(rows), rows.__getitem__, path, copies)


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_and_the_settings_are_recorded(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.faiss"
    choice = derived(kind, clustered(spec_of(kind), ROWS, seed=0), path)
    assert choice.kind == kind
    assert choice.bytes == path.stat().st_size
    assert choice.exact == (kind in ("SQfp16", "BFlat"))
    if not choice.exact:
        assert (choice.nprobe >= 1) == choice.in_lists
        assert choice.recall is not None
        assert choice.recall >= 0.98
    assert set(tmp_path.iterdir()) == set(files(path))
    assert (rows_path(path) in files(path)) == (choice.candidates > 0)


@pytest.mark.parametrize("kind", KINDS)
def test_an_extended_file_holds_old_and_new_rows(kind: str, tmp_path: Path) -> None:
    spec, path = spec_of(kind), tmp_path / "new.faiss"
    rows = clustered(spec, ROWS, seed=0)
    choice = derived(kind, rows[:2500], tmp_path / "old.faiss")
    blocks = np.array_split(rows[2500:], 3)
    grown = extend(spec, choice, tmp_path / "old.faiss", blocks, path)
    assert (grown.kind, grown.nprobe, grown.recall) == (choice.kind, choice.nprobe, choice.recall)
    assert grown.bytes == path.stat().st_size > choice.bytes
    searcher = Searcher(spec, path, grown)
    assert len(searcher) == ROWS
    _, found = searcher.search(rows, 1)
    assert (found[:, 0] == np.arange(ROWS)).mean() >= 0.99
    assert len(Searcher(spec, tmp_path / "old.faiss", choice)) == 2500


@pytest.mark.parametrize("kind", ["IVF64,SQ8", "PCAR32,IVF64,RaBitQ"])
def test_an_index_larger_than_a_shard_is_merged_on_disk_and_found_elsewhere(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = clustered(VECTORS, ROWS, seed=0)
    whole = derived(kind, rows[:2500], tmp_path / "whole.faiss")
    monkeypatch.setattr(ann_writing, "SHARD_BYTES", whole.bytes // 4)
    (tmp_path / "shards").mkdir()
    choice = derived(kind, rows[:2500], tmp_path / "shards" / "rows.faiss")
    assert sorted(files(tmp_path / "shards" / "rows.faiss")) == sorted(
        (tmp_path / "shards").iterdir()
    )
    assert lists_path(tmp_path / "shards" / "rows.faiss").exists()
    assert choice.bytes >= whole.bytes
    moved = (tmp_path / "shards").rename(tmp_path / "moved")
    ours = Searcher(VECTORS, moved / "rows.faiss", choice)
    theirs = Searcher(VECTORS, tmp_path / "whole.faiss", choice)
    for found, expected in zip(ours.search(rows[:200], 5), theirs.search(rows[:200], 5)):
        np.testing.assert_array_equal(found, expected)
    grown = extend(VECTORS, choice, moved / "rows.faiss", [rows[2500:]], tmp_path / "grown.faiss")
    _, found = Searcher(VECTORS, tmp_path / "grown.faiss", grown).search(rows, 1)
    assert (found[:, 0] == np.arange(ROWS)).mean() >= 0.99


def test_without_copies_the_recall_of_copies_is_unknown(tmp_path: Path) -> None:
    rows = clustered(VECTORS, ROWS, seed=0)
    choice = AnnChoice("IVF64,SQ8", 0)
    tuned = derive(VECTORS, choice, [rows], ROWS, rows.__getitem__, tmp_path / "rows.faiss")
    assert tuned.recall is None
    assert tuned.nprobe >= 1
    assert tuned.candidates == 0, "stand-ins show no loss of a byte a component"


@pytest.mark.parametrize(
    ("kind", "full"), [("SQfp16", r"rows\.faiss"), ("IVF64,SQ8", r"rows\.faiss\.rows")]
)
def test_a_disk_that_is_full(kind: str, full: str, tmp_path: Path) -> None:
    rows = clustered(VECTORS, ROWS, seed=0)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(OSError, match=f"{full} cannot be written"):
            derived(kind, rows, tmp_path / "rows.faiss")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not (tmp_path / "rows.faiss").exists()
