"""Arrays over the rows of an index, one file each, pinned by the manifest.

``copies``: exact duplicates of each record, uint32. ``clusters``: first member of each record's
cluster of near-duplicates, int64. ``duplicates``: searchable members of that cluster, uint32.
``removed``: rows of deleted records, int64. ``refused``: digests of blocked ids. ``missing-NAME``:
rows of records without that column, int64. ``tables``: fingerprints of the Lance files, as JSON.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.index.store.digests import DIGEST, as_array, file_digest, id_digest, places
from memguard.index.store.manifest import Manifest, PinnedFile
from memguard.index.store.tables import Tables

FOLDER = "lists"

EXACT_DUPLICATES = "copies"
CLUSTERS = "clusters"
NEAR_DUPLICATES = "duplicates"
DELETED = "removed"
BLOCKED = "refused"
TABLES = "tables"
MISSING = "missing-"

EMPTY = {DELETED: np.empty(0, np.int64), BLOCKED: np.empty(0, f"S{DIGEST}")}
"""Arrays that were never written."""


def write_array(directory: Path, name: str, revision: int, array: NDArray[Any]) -> PinnedFile:
    """Write an array for the next manifest to pin; nobody reads it before."""
    path = directory / FOLDER / f"{name}-{revision}.npy"
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return PinnedFile.of(directory, path)


def read_array(directory: Path, manifest: Manifest | None, name: str) -> NDArray[Any]:
    """An array, memory-mapped; empty if it was never written.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    pinned = None if manifest is None else manifest.lists.get(name)
    if pinned is None:
        return EMPTY.get(name, np.empty(0, np.int64))
    path = directory / pinned.path
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def read_blocked(directory: Path, manifest: Manifest | None) -> NDArray[np.bytes_]:
    """The digests of the blocked ids."""
    return np.asarray(read_array(directory, manifest, BLOCKED))


def record_digests(tables: Tables) -> NDArray[np.bytes_]:
    """The digest of every record's id, in row order."""
    blocks = [
        as_array(map(id_digest, batch.column("id").to_pylist())) for batch in tables.scan(["id"])
    ]
    return np.concatenate([EMPTY[BLOCKED], *blocks])


def file_digests(tables: Tables) -> NDArray[np.bytes_]:
    """A digest of every file in every state that a build has seen."""
    blocks = []
    for batch in tables.scan_files(["uri", "state"]):
        pairs = zip(*(batch.column(name).to_pylist() for name in ("uri", "state")))
        blocks.append(as_array(file_digest(uri, state) for uri, state in pairs))
    return np.concatenate([EMPTY[BLOCKED], *blocks])


def count_exact_duplicates(tables: Tables, digests: NDArray[np.bytes_]) -> NDArray[np.uint32]:
    """Count the files that hold each record's bytes, by the last entry of each file.

    Args:
        tables: of the index.
        digests: of its records.
    """
    counts = np.zeros(len(digests), np.uint32)
    _, ids = latest_files(tables)
    at, there = places(ids, digests)
    np.add.at(counts, at[there], 1)
    return counts


def latest_files(tables: Tables) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """The last entry of each file: its row in the table of files, ascending, and the digest of its
    record's id, zeros for none."""
    files, ids = [EMPTY[BLOCKED]], [EMPTY[BLOCKED]]
    for batch in tables.scan_files(["uri", "id"]):
        uris, held = (batch.column(name).to_pylist() for name in ("uri", "id"))
        files.append(as_array(file_digest(uri, "") for uri in uris))
        ids.append(as_array(bytes(DIGEST) if one is None else id_digest(one) for one in held))
    every = np.concatenate(files)
    _, from_end = np.unique(every[::-1], return_index=True)
    latest = np.sort(len(every) - 1 - from_end)
    return latest, np.concatenate(ids)[latest]
