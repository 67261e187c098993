"""Fingerprints of the tables' files: all of them, each read once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from memguard.index.base import BuildSummary
from memguard.index.store.fingerprints import HINT, table_files, table_fingerprints
from memguard.index.store.manifest import Manifest


def test_every_file_of_the_tables(built: tuple[Path, BuildSummary]) -> None:
    files = table_fingerprints(built[0], Manifest.read(built[0]))
    on_disk = {
        path.relative_to(built[0]).as_posix()
        for table in built[0].glob("*.lance")
        for path in table.rglob("*")
        if path.is_file() and path.name != HINT
    }
    assert {file.path for file in files} == on_disk
    assert len(files) == len(table_files(built[0])) > 4
    assert all(file.is_whole(built[0]) for file in files)


def test_a_changed_byte(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(built[0], tmp_path / "x"))
    first = table_fingerprints(copy, Manifest.read(copy))[0]
    data = bytearray((copy / first.path).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / first.path).write_bytes(data)
    assert not first.is_whole(copy)
    (copy / first.path).unlink()
    assert not first.is_whole(copy)


def test_without_a_manifest_there_are_none(tmp_path: Path) -> None:
    assert table_fingerprints(tmp_path, None) == []


def test_a_damaged_list(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(built[0], tmp_path / "x"))
    manifest = Manifest.read(copy)
    (copy / manifest.lists["tables"].path).write_text('{"files": []}')
    with pytest.raises(ValueError, match="checksum"):
        table_fingerprints(copy, manifest)
