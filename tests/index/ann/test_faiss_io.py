"""FAISS files as they are written and read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.clustered_vectors import clustered

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.faiss_io import empty, inverted_list_count, load, save
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice

SPECS = {
    "SQfp16": DescriptorSpec("vector", "cosine", 64, "m", "p"),
    "BFlat": DescriptorSpec("hash", "hamming", 64, "m", "p"),
}


@pytest.mark.parametrize("mapped", [True, False])
@pytest.mark.parametrize("kind", SPECS)
def test_round_trip(kind: str, mapped: bool, tmp_path: Path) -> None:
    index = AnnIndex(SPECS[kind], tmp_path / "x.faiss", AnnChoice(kind, 0))
    vectors = clustered(SPECS[kind], 100, seed=0)
    built = empty(SPECS[kind], kind)
    built.train(vectors)
    built.add(vectors)
    save(index, built)
    assert [path.name for path in tmp_path.iterdir()] == ["x.faiss"]
    loaded = load(index, mapped=mapped)
    assert loaded.ntotal == 100
    for found, expected in zip(loaded.search(vectors[:9], 3), built.search(vectors[:9], 3)):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("kind", SPECS)
def test_a_damaged_or_missing_file(kind: str, tmp_path: Path) -> None:
    index = AnnIndex(SPECS[kind], tmp_path / "x.faiss", AnnChoice(kind, 0))
    with pytest.raises(RuntimeError):
        load(index)
    index.path.write_bytes(b"no index")
    with pytest.raises(RuntimeError):
        load(index)


@pytest.mark.parametrize(
    ("kind", "lists"), [("SQfp16", 0), ("IVF8,SQ8", 8), ("PCAR32,IVF4,RaBitQ", 4)]
)
def test_inverted_lists_are_counted(kind: str, lists: int) -> None:
    assert inverted_list_count(empty(SPECS["SQfp16"], kind)) == lists


@pytest.mark.parametrize(("kind", "lists"), [("BFlat", 0), ("BIVF16", 16)])
def test_inverted_lists_of_hashes_are_counted(kind: str, lists: int) -> None:
    assert inverted_list_count(empty(SPECS["BFlat"], kind)) == lists
