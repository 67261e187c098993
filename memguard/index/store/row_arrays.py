"""Arrays that go with the rows of an index, one file each, pinned by the manifest.

``copies``: files with exactly a record's bytes, uint32 a row. ``clusters``: which near-duplicates
belong together, int64 a row. ``duplicates``: how many of them can be found, uint32 a row.
``removed``: positions of records that were taken down, int64. ``refused``: digests of images that
no build may take in again. ``missing-NAME``: positions of records without that column, int64.
``tables``: fingerprints of the Lance files, as JSON.
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
REMOVED = "removed"
REFUSED = "refused"
TABLES = "tables"
MISSING = "missing-"

EMPTY = {REMOVED: np.empty(0, np.int64), REFUSED: np.empty(0, f"S{DIGEST}")}
"""What a list holds that was never written."""


def write_list(directory: Path, name: str, revision: int, array: NDArray[Any]) -> PinnedFile:
    """Write a list that a coming manifest will pin; until then nobody reads it."""
    path = directory / FOLDER / f"{name}-{revision}.npy"
    with path.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    return PinnedFile.of(directory, path)


def read_list(directory: Path, manifest: Manifest | None, name: str) -> NDArray[Any]:
    """A list, memory-mapped; one that was never written is empty.

    Raises:
        OSError, ValueError: it is missing or damaged.
    """
    pinned = None if manifest is None else manifest.lists.get(name)
    if pinned is None:
        return EMPTY.get(name, np.empty(0, np.int64))
    path = directory / pinned.path
    array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return array


def read_digests(directory: Path, manifest: Manifest | None) -> NDArray[np.bytes_]:
    """The digests of images that are refused."""
    return np.asarray(read_list(directory, manifest, REFUSED))


def record_digests(tables: Tables) -> NDArray[np.bytes_]:
    """The digest of every record's id, in row order."""
    blocks = [
        as_array(map(id_digest, batch.column("id").to_pylist())) for batch in tables.scan(["id"])
    ]
    return np.concatenate([EMPTY[REFUSED], *blocks])


def file_digests(tables: Tables) -> NDArray[np.bytes_]:
    """What stands for every file in every state in which it was seen."""
    blocks = []
    for batch in tables.scan_files(["uri", "state"]):
        pairs = zip(*(batch.column(name).to_pylist() for name in ("uri", "state")))
        blocks.append(as_array(file_digest(uri, state) for uri, state in pairs))
    return np.concatenate([EMPTY[REFUSED], *blocks])


def count_exact_duplicates(tables: Tables, digests: NDArray[np.bytes_]) -> NDArray[np.uint32]:
    """How many files hold each record's bytes, by what is known last of each file.

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
    """What is known last of each file: positions in the table of files, ascending, and the digest
    of the record that each holds, zeros for none."""
    files, ids = [EMPTY[REFUSED]], [EMPTY[REFUSED]]
    for batch in tables.scan_files(["uri", "id"]):
        uris, held = (batch.column(name).to_pylist() for name in ("uri", "id"))
        files.append(as_array(file_digest(uri, "") for uri in uris))
        ids.append(as_array(bytes(DIGEST) if one is None else id_digest(one) for one in held))
    every = np.concatenate(files)
    _, from_end = np.unique(every[::-1], return_index=True)
    latest = np.sort(len(every) - 1 - from_end)
    return latest, np.concatenate(ids)[latest]
