"""The files of a revision, named after its number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memguard.descriptors.phash import PHash
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.writer import write_exact
from memguard.index.ingest.revision import Revision
from memguard.index.store.tables import Tables

SPEC = PHash(8).spec


@pytest.fixture
def revision(tmp_path: Path) -> Revision:
    for folder in ("ann", "lists"):
        (tmp_path / folder).mkdir()
    return Revision(tmp_path, 7, Tables(tmp_path), (SPEC,))


def test_arrays_are_written_unless_they_are_empty(revision: Revision) -> None:
    rows = np.array([3, 1, 4], np.int64)
    pinned = revision.write_arrays({"clusters": rows, "removed": rows[:0]})
    assert list(pinned) == ["clusters"]
    assert pinned["clusters"].path == "lists/clusters-7.npy"
    assert pinned["clusters"].is_whole(revision.directory)
    written = np.load(revision.directory / "lists" / "clusters-7.npy")
    np.testing.assert_array_equal(written, rows)
    assert written.dtype == np.int64


def test_an_ann_index_is_pinned_with_its_choice(revision: Revision) -> None:
    index = revision.ann_index(SPEC, AnnChoice("BFlat", 0))
    hashes = np.arange(80, dtype=np.uint8).reshape(10, 8)
    file = revision.pin(write_exact(index, [hashes]))
    assert [part.path for part in file.files] == ["ann/phash64-7.faiss"]
    assert file.choice == AnnChoice("BFlat", file.files[0].bytes)
    assert file.index(revision.directory, SPEC).path == index.path
    (revision.directory / file.path).write_bytes(b"damaged")
    assert not file.files[0].is_whole(revision.directory)
