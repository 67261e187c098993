"""Changes of an index in a directory."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.comparisons import opened

from memguard import BuildError, IndexUnavailableError
from memguard.descriptors import weightless_descriptors
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.writer import DirectoryWriter
from memguard.index.store.write_lock import write_lock
from memguard.lifecycle import build_index
from memguard.sources import Folder


def test_it_makes_the_index_that_a_build_makes(folder: Path, tmp_path: Path) -> None:
    writer = DirectoryWriter(tmp_path / "x")
    seen = []
    summary = writer.add(
        Folder(folder), weightless_descriptors(), workers=0, on_progress=seen.append
    )
    assert (summary.path, summary.records) == (str(tmp_path / "x"), 24)
    assert seen[-1].done == 24
    assert writer.specs == tuple(one.spec for one in weightless_descriptors())
    build_index(folder, tmp_path / "y", weights={}, calibrate=False, workers=0)
    assert opened(tmp_path / "x") == opened(tmp_path / "y")


def test_removed_and_readmitted(copied: Path) -> None:
    writer, reader = DirectoryWriter(copied), DirectoryIndex.open(copied)
    (record,) = reader.take(reader.rows()[[5]].tolist())
    assert writer.find_ids(record.uri) == [record.id]
    assert writer.remove([record.id]).removed == (record.id,)
    assert reader.health().outdated
    assert DirectoryIndex.open(copied).find(record.id) is None
    assert writer.readmit([record.id]).records == 60
    assert DirectoryIndex.open(copied).find(record.id) is not None


def test_documents(copied: Path) -> None:
    writer = DirectoryWriter(copied)
    writer.write_document("page.html", b"<html>")
    assert DirectoryIndex.open(copied).read_document("page.html") == b"<html>"
    for _ in range(2):
        writer.write_document("page.html", None)
        assert DirectoryIndex.open(copied).read_document("page.html") is None


def test_a_document_needs_an_index(tmp_path: Path) -> None:
    for data in (b"{}", None):
        with pytest.raises(IndexUnavailableError, match="is no memguard index"):
            DirectoryWriter(tmp_path).write_document("calibration.json", data)
    assert not list(tmp_path.iterdir())


def test_one_writer_at_a_time(copied: Path, folder: Path) -> None:
    writer = DirectoryWriter(copied)
    with write_lock(copied):
        with pytest.raises(BuildError, match="at work on"):
            writer.readmit(["0" * 32])
        with pytest.raises(BuildError, match="at work on"):
            writer.add(Folder(folder), weightless_descriptors(), workers=0)
    assert writer.readmit(["0" * 32]).records == 60
