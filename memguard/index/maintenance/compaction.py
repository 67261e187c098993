"""Compaction: the bytes of images that were taken down leave the files of an index.

Readers of the version before keep it until they close or reload: then the next compaction clears
it away.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import lance

from memguard.errors import BuildError, IndexUnavailableError
from memguard.index.ingest.publish import publish, replace_manifest
from memguard.index.store.digests import places
from memguard.index.store.fingerprints import fingerprint_tables
from memguard.index.store.manifest import Manifest
from memguard.index.store.reader_lease import is_read, lease_path
from memguard.index.store.row_arrays import TABLES, read_digests, record_digests
from memguard.index.store.tables import FILES, RECORDS, Tables
from memguard.index.store.write_lock import at_work

FRAGMENT_ROWS = 1 << 17
"""Rows of a data file after compaction: some gigabytes."""

BATCH_ROWS = 1024
"""Rows held at a time while data files are written again."""

IDS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Compaction:
    """What a compaction did.

    Attributes:
        path: the index.
        removed: records whose bytes left the tables.
        records: images that the index holds.
        freed: by how many bytes the directory shrank.
        still_read: whether the old files are still there, because somebody reads them.
    """

    path: str
    removed: int
    records: int
    freed: int
    still_read: bool


def compact(index: str | os.PathLike[str]) -> Compaction:
    """Take the removed records out of every file of the index.

    A compaction that was killed leaves the old index, and the same command does the rest.

    Raises:
        IndexUnavailableError: there is no index.
        BuildError: somebody else changes it, or the disk is full.
    """
    directory = Path(index)
    with at_work(directory):
        manifest = Manifest.read(directory)
        before = _size(directory)
        try:
            manifest, removed = _leave_out(directory, manifest)
            still_read = not _clear_away(directory, manifest)
        except OSError as error:
            raise BuildError(
                f"the compaction of {directory} stopped: {error}. The index is as it was; mend "
                "the cause and run the same command again"
            ) from error
        except ValueError as error:
            raise IndexUnavailableError(
                f"the tables of {directory} are damaged ({error}); build the index again"
            ) from error
    freed = max(before - _size(directory), 0)
    return Compaction(str(directory), removed, manifest.records, freed, still_read)


def _leave_out(directory: Path, manifest: Manifest) -> tuple[Manifest, int]:
    """The manifest of tables without the removed records, and how many were taken out."""
    tables = Tables(directory)
    refused = read_digests(directory, manifest)
    digests = record_digests(tables)
    gone = places(digests, refused)[1]
    pinned = (manifest.records_version, manifest.files_version)
    if not gone.any() and tables.versions == pinned:
        return manifest, 0
    known = record_digests(Tables(directory, *pinned))
    ids = [digest.hex().ljust(32, "0") for digest in digests[gone].tolist()]
    for table in (RECORDS, FILES):
        _delete(directory / table, ids)
    kept = ~places(known, refused)[1]
    derived = publish(directory, manifest.descriptors, manifest, memory=manifest.memory, kept=kept)
    if derived is None:
        raise BuildError(f"nothing would be left of {directory}; delete the directory instead")
    return derived, int(gone.sum())


def _delete(path: Path, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ", ".join(f"'{one}'" for one in ids[start : start + IDS_AT_ONCE])
        lance.dataset(path).delete(f"id IN ({some})")
    lance.dataset(path).optimize.compact_files(
        target_rows_per_fragment=FRAGMENT_ROWS,
        materialize_deletions=True,
        materialize_deletions_threshold=0.0,
        batch_size=BATCH_ROWS,
    )


def _clear_away(directory: Path, manifest: Manifest) -> bool:
    """Delete what only older generations need, unless they are still read."""
    older = [
        path
        for path in directory.glob("readers-*.lock")
        if path != lease_path(directory, manifest.generation)
    ]
    if any(is_read(path) for path in older):
        return False
    if older:
        for table in (RECORDS, FILES):
            lance.dataset(directory / table).cleanup_old_versions(
                older_than=timedelta(0), delete_unverified=True
            )
        pinned = fingerprint_tables(directory, manifest, manifest.revision + 1)
        replace_manifest(
            directory,
            replace(
                manifest,
                revision=manifest.revision + 1,
                lists={**manifest.lists, TABLES: pinned},
            ),
        )
        for path in older:
            path.unlink()
    return True


def _size(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())
