"""Compaction: rewrites the files of an index without deleted records.

Readers keep the generation that they opened; the next compaction after they close or reload
deletes its files.
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
from memguard.index.store.row_arrays import TABLES, read_blocked, record_digests
from memguard.index.store.tables import FILES, RECORDS, Tables
from memguard.index.store.write_lock import write_lock

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
        removed: deleted records that are no longer in the tables.
        records: training images that searches find.
        freed: bytes by which the directory shrank.
        still_read: whether the old files are kept, because somebody reads them.
    """

    path: str
    removed: int
    records: int
    freed: int
    still_read: bool


def compact(index: str | os.PathLike[str]) -> Compaction:
    """Take deleted records out of every file of the index.

    A killed compaction leaves the old index; the same command resumes it.

    Raises:
        IndexUnavailableError: there is no index.
        BuildError: somebody else changes it, or the disk is full.
    """
    directory = Path(index)
    with write_lock(directory):
        manifest = Manifest.read(directory)
        before = _size(directory)
        try:
            if Tables(directory).versions == _pinned(manifest):
                _delete_old_generations(directory, manifest)  # read until the last compaction
                manifest = Manifest.read(directory)
            manifest, removed = _rewrite(directory, manifest)
            still_read = not _delete_old_generations(directory, manifest)
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


def finish(directory: Path, manifest: Manifest) -> Manifest:
    """Finish a compaction that was killed after it had taken records out of the tables.

    Args:
        directory: the index, whose write lock is held.
        manifest: its manifest.

    Returns:
        The new manifest; the same one where there is nothing to finish.
    """
    known = record_digests(Tables(directory, *_pinned(manifest)))
    if places(known, record_digests(Tables(directory)))[1].all():
        return manifest
    return _rewrite(directory, manifest)[0]


def _rewrite(directory: Path, manifest: Manifest) -> tuple[Manifest, int]:
    """The manifest of tables without deleted records, and how many there were."""
    tables = Tables(directory)
    blocked = read_blocked(directory, manifest)
    digests = record_digests(tables)
    deleted = places(digests, blocked)[1]
    if (
        not deleted.any()
        and not tables.hold_deleted_rows()
        and tables.versions == _pinned(manifest)
    ):
        return manifest, 0
    known = record_digests(Tables(directory, *_pinned(manifest)))
    ids = [digest.hex().ljust(32, "0") for digest in digests[deleted].tolist()]
    for table in (FILES, RECORDS):  # a record that is left says that its files may be left too
        _delete_records(directory / table, ids)
    derived = publish(
        directory, manifest.descriptors, manifest, memory=manifest.memory, rewritten=True
    )
    if derived is None:
        raise BuildError(f"nothing would be left of {directory}; delete the directory instead")
    return derived, int(places(known, blocked)[1].sum())


def _pinned(manifest: Manifest) -> tuple[int, int]:
    """The versions of the tables that readers open."""
    return manifest.records_version, manifest.files_version


def _delete_records(path: Path, ids: Sequence[str]) -> None:
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ", ".join(f"'{one}'" for one in ids[start : start + IDS_AT_ONCE])
        lance.dataset(path).delete(f"id IN ({some})")
    lance.dataset(path).optimize.compact_files(
        target_rows_per_fragment=FRAGMENT_ROWS,
        materialize_deletions=True,
        materialize_deletions_threshold=0.0,
        batch_size=BATCH_ROWS,
    )


def _delete_old_generations(directory: Path, manifest: Manifest) -> bool:
    """Delete files that only older generations need; False if those are still read."""
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
