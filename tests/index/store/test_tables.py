"""The Lance tables: what goes in comes out, step by step and version by version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memguard.descriptors.base import DescriptorSpec
from memguard.index.record import Record
from memguard.index.store.tables import (
    FILES,
    RECORDS,
    FileEntry,
    Tables,
    append_files,
    append_records,
)

SPECS = [
    DescriptorSpec("bits", "hamming", 64, "m", "p"),
    DescriptorSpec("vector", "cosine", 5, "m", "p"),
]


def record(number: int, caption: str | None = None) -> Record:
    random = np.random.default_rng(number)
    rows = {
        "bits": random.integers(0, 256, 8, dtype=np.uint8),
        "vector": random.normal(size=5).astype(np.float32),
    }
    return Record(
        id=f"{number:032x}",
        uri=f"/{number}.jpg",
        width=10 + number,
        height=20,
        caption=caption,
        rights=f"(c) {number}" if number else None,
        url=None,
        blank=number == 1,
        thumbnail=b"jpeg",
        features=b"sift",
        vectors=rows,
    )


def test_records_round_trip_and_vectors_are_half_floats(tmp_path: Path) -> None:
    records = [record(0), record(1, "a caption"), record(2)]
    append_records(tmp_path, SPECS, records[:2])
    append_records(tmp_path, SPECS, records[2:])
    tables = Tables(tmp_path)
    assert len(tables) == 3
    assert list(tables.ids()) == [one.id for one in records]
    for wanted, found in zip([2, 0, 2], tables.take(SPECS, [2, 0, 2]), strict=True):
        expected = records[wanted]
        assert (found.id, found.uri, found.width, found.height) == (
            (expected.id, expected.uri, expected.width, expected.height)
        )
        assert (found.caption, found.thumbnail, found.features) == (
            (expected.caption, b"jpeg", b"sift")
        )
        np.testing.assert_array_equal(found.vectors["bits"], expected.vectors["bits"])
        half = expected.vectors["vector"].astype(np.float16)
        assert found.vectors["vector"].dtype == np.float32
        np.testing.assert_array_equal(found.vectors["vector"], half.astype(np.float32))
        np.testing.assert_allclose(found.vectors["vector"], expected.vectors["vector"], rtol=1e-3)


def test_columns_stand_in_row_order(tmp_path: Path) -> None:
    records = [record(number) for number in range(5)]
    for one in records:
        append_records(tmp_path, SPECS, [one])
    (bits,) = [np.concatenate(list(Tables(tmp_path).column(SPECS[0])))]
    np.testing.assert_array_equal(bits, np.stack([one.vectors["bits"] for one in records]))


def test_find_by_id(tmp_path: Path) -> None:
    append_records(tmp_path, SPECS, [record(0), record(1)])
    tables = Tables(tmp_path)
    assert tables.find_rows("id", [record(1).id]) == [1]
    assert tables.find_rows("uri", ["/1.jpg", "/0.jpg", "/2.jpg"]) == [0, 1]
    assert tables.find_rows("id", ["f" * 32]) == tables.find_rows("id", []) == []


def test_files_round_trip(tmp_path: Path) -> None:
    entries = [FileEntry("/a", "1", "id", None), FileEntry("/b", "2", None, "no image")]
    append_files(tmp_path, entries)
    append_files(tmp_path, [FileEntry("/a", "3", "other", None)])
    assert list(Tables(tmp_path).files()) == [*entries, FileEntry("/a", "3", "other", None)]


def test_an_old_version_stays_readable(tmp_path: Path) -> None:
    append_records(tmp_path, SPECS, [record(0)])
    append_files(tmp_path, [FileEntry("/0", "1", "id", None)])
    versions = Tables(tmp_path).versions
    append_records(tmp_path, SPECS, [record(1)])
    append_files(tmp_path, [FileEntry("/1", "1", "id", None)])
    old = Tables(tmp_path, *versions)
    assert (len(old), len(list(old.files()))) == (1, 1)
    assert (len(Tables(tmp_path)), len(list(Tables(tmp_path).files()))) == (2, 2)


def test_tables_that_do_not_exist_are_empty(tmp_path: Path) -> None:
    tables = Tables(tmp_path)
    append_records(tmp_path, SPECS, [])
    append_files(tmp_path, [])
    assert (len(tables), tables.versions) == (0, (0, 0))
    assert list(tables.ids()) == list(tables.files()) == tables.take(SPECS, []) == []
    assert not list(tmp_path.iterdir())


def test_what_a_first_commit_left_that_was_killed_is_no_table(tmp_path: Path) -> None:
    """Lance writes the data first, and the version's manifest last."""
    for name in (RECORDS, FILES):
        (tmp_path / name / "data").mkdir(parents=True)
        (tmp_path / name / "data" / "half.lance").write_bytes(b"half")
        (tmp_path / name / "_versions").mkdir()
    assert Tables(tmp_path).versions == (0, 0)
    append_records(tmp_path, SPECS, [record(0)])
    append_files(tmp_path, [FileEntry("/0", "1", "id", None)])
    assert (len(Tables(tmp_path)), len(list(Tables(tmp_path).files()))) == (1, 1)


def test_a_version_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not found"):
        Tables(tmp_path, 1, 1)


def test_what_a_record_lacks(tmp_path: Path) -> None:
    """Precomputed embeddings come without pixels, and so without thumbnail and hash."""
    whole, bare = record(0), replace(record(1), thumbnail=None, features=None, width=0)
    del bare.vectors["bits"]
    append_records(tmp_path, SPECS, [whole, bare, record(2)])
    tables = Tables(tmp_path)
    found = tables.take(SPECS, [1, 0])
    assert [one.has_pixels for one in found] == [False, True]
    assert [set(one.vectors) for one in found] == [{"vector"}, {"bits", "vector"}]
    np.testing.assert_array_equal(found[1].vectors["bits"], whole.vectors["bits"])
    with pytest.raises(ValueError, match=r"no pixels of /1\.jpg"):
        found[0].image()
    assert tables.missing("bits").tolist() == tables.without_pixels().tolist() == [1]
    assert tables.missing("vector").tolist() == []
    (bits,) = tables.column(SPECS[0])
    assert bits[1].tolist() == [0] * 8
    np.testing.assert_array_equal(bits[2], record(2).vectors["bits"])
    (after,) = tables.column(SPECS[1], after=2)
    np.testing.assert_allclose(after, record(2).vectors["vector"][None], rtol=1e-3)
    assert list(tables.column(SPECS[1], after=3)) == []
    np.testing.assert_array_equal(tables.vectors(SPECS[0], [1, 2]), bits[1:])


def test_rights_and_blankness(tmp_path: Path) -> None:
    append_records(tmp_path, SPECS, [record(0), record(1)])
    assert Tables(tmp_path).flagged("blank").tolist() == [1]
    assert Tables(tmp_path).flagged("canary").tolist() == []
    found = Tables(tmp_path).take((), [0, 1])
    assert [(one.rights, one.blank, one.canary) for one in found] == [
        (None, False, False),
        ("(c) 1", True, False),
    ]


def test_the_latest_id_of_a_file(tmp_path: Path) -> None:
    append_files(tmp_path, [FileEntry("/a", "1", "x", None), FileEntry("/b", "1", "y", None)])
    append_files(tmp_path, [FileEntry("/a", "2", "z", None), FileEntry("/b", "2", None, "broken")])
    tables = Tables(tmp_path)
    assert tables.latest_ids(["/a", "/b", "/c"]) == {"/a": "z"}
    assert tables.unreadable() == {"/b": "broken"}
