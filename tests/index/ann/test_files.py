"""Which files an ANN index has."""

from __future__ import annotations

from pathlib import Path

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice


def test_files_that_are_there(tmp_path: Path) -> None:
    spec = DescriptorSpec("vector", "cosine", 64, "m", "p")
    index = AnnIndex(spec, tmp_path / "x.faiss", AnnChoice("IVF64,SQ8", 0))
    index.path.write_bytes(b"12")
    assert index.searched_files() == index.files() == [index.path]
    (tmp_path / "x.faiss.rows").write_bytes(b"rows")
    (tmp_path / "x.faiss.lists").write_bytes(b"345")
    assert index.searched_files() == [index.path, tmp_path / "x.faiss.lists"]
    assert index.files() == [*index.searched_files(), tmp_path / "x.faiss.rows"]
    assert index.measured().choice == AnnChoice("IVF64,SQ8", 5)


def test_the_same_index_in_another_file(tmp_path: Path) -> None:
    spec = DescriptorSpec("vector", "cosine", 64, "m", "p")
    index = AnnIndex(spec, tmp_path / "x.faiss", AnnChoice("IVF64,SQ8", 7))
    assert index.at(tmp_path / "y.faiss") == AnnIndex(spec, tmp_path / "y.faiss", index.choice)
    assert index.path == tmp_path / "x.faiss"
