"""Fingerprints of the Lance tables' files, which are written once and never change."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from memguard.files import read_checked, write_checked
from memguard.index.store.manifest import Manifest, PinnedFile
from memguard.index.store.row_arrays import FOLDER, TABLES
from memguard.index.store.tables import FILES, RECORDS

HINT = "latest_version_hint.json"
"""The only file of a Lance table that is replaced; it saves a directory listing."""


def fingerprint_tables(directory: Path, old: Manifest | None, revision: int) -> PinnedFile:
    """Write the fingerprints of the tables' files; only new files are read."""
    known = {file.path: file for file in table_fingerprints(directory, old)}
    files = [
        known.get(str(path.relative_to(directory))) or PinnedFile.of(directory, path)
        for path in table_files(directory)
    ]
    path = directory / FOLDER / f"{TABLES}-{revision}.json"
    write_checked(path, {"files": [dataclasses.astuple(file) for file in files]})
    return PinnedFile.of(directory, path)


def table_fingerprints(directory: Path, manifest: Manifest | None) -> list[PinnedFile]:
    """The fingerprints of the tables' files at the time of the manifest.

    Raises:
        OSError, ValueError: the list is missing or damaged.
    """
    if manifest is None or TABLES not in manifest.lists:
        return []
    data = read_checked((directory / manifest.lists[TABLES].path).read_bytes())
    return [PinnedFile(*file) for file in data["files"]]


def table_files(directory: Path) -> list[Path]:
    """The files of both tables, sorted."""
    found = (path for table in (RECORDS, FILES) for path in (directory / table).rglob("*"))
    return sorted(path for path in found if path.is_file() and path.name != HINT)
