"""Arrays over the rows: written, pinned, read back; exact duplicates counted."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from memguard.index.base import BuildSummary
from memguard.index.store.manifest import Manifest
from memguard.index.store.row_arrays import (
    BLOCKED,
    DELETED,
    FOLDER,
    count_exact_duplicates,
    latest_files,
    read_array,
    record_digests,
    write_array,
)
from memguard.index.store.tables import FileEntry, Tables, append_files


def test_round_trip(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    manifest = Manifest.read(built[0])
    rows = np.array([3, 5], np.int64)
    pinned = write_array(tmp_path, DELETED, 7, rows)
    assert pinned.path == "lists/removed-7.npy"
    assert pinned.sha256 == hashlib.sha256((tmp_path / pinned.path).read_bytes()).hexdigest()
    found = read_array(tmp_path, dataclasses.replace(manifest, lists={DELETED: pinned}), DELETED)
    np.testing.assert_array_equal(found, rows)
    assert isinstance(found, np.memmap)


def test_what_was_never_written_is_empty(tmp_path: Path) -> None:
    assert read_array(tmp_path, None, DELETED).dtype == np.int64
    assert read_array(tmp_path, None, BLOCKED).dtype == np.dtype("S16")
    assert len(read_array(tmp_path, None, "missing-clip")) == 0


def test_record_digests_are_the_ids(built: tuple[Path, BuildSummary]) -> None:
    tables = Tables(built[0])
    digests = record_digests(tables)
    assert [one.hex().ljust(32, "0") for one in digests.tolist()] == list(tables.ids())


def test_the_last_entry_of_a_file_counts(tmp_path: Path) -> None:
    one, other = "1" * 32, "2" * 32
    append_files(
        tmp_path,
        [
            FileEntry("/a", "old", one, None),
            FileEntry("/b", "", one, None),
            FileEntry("/c", "", None, "broken"),
            FileEntry("/a", "new", other, None),
        ],
    )
    entries, ids = latest_files(Tables(tmp_path))
    assert entries.tolist() == [1, 2, 3]
    known = np.array([bytes.fromhex(one), bytes.fromhex(other)], "S16")
    assert ids.tolist() == [known[0], b"", known[1]]
    assert count_exact_duplicates(Tables(tmp_path), known).tolist() == [1, 1]
