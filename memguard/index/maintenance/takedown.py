"""Takedown: deleted records, which no search finds, and blocked ids, which no build takes in.

The blocked ids decide: a row is deleted while its id is blocked. Both are committed with the
manifest, in one step; compaction takes the bytes out of the files.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memguard.index.base import Removal
from memguard.index.ingest.publish import publish_blocked
from memguard.index.maintenance.compaction import finish
from memguard.index.maintenance.origins import digests_of, require
from memguard.index.store.canary import canary_ids
from memguard.index.store.digests import as_array, places
from memguard.index.store.documents import CALIBRATION_PAGE
from memguard.index.store.manifest import Manifest
from memguard.index.store.row_arrays import read_blocked, record_digests
from memguard.index.store.tables import Tables
from memguard.index.store.write_lock import write_lock


def remove(index: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Delete images from the searches of all who open or reload the index from now on.

    No build takes the same bytes in again until :func:`readmit`.

    Args:
        index: the index directory.
        ids: of records; deleting one twice changes nothing.

    Raises:
        ConfigurationError: an id that the index does not hold.
        BuildError: somebody else changes the index.
        IndexUnavailableError: there is no index.
    """
    directory = Path(index)
    with write_lock(directory):
        manifest = Manifest.read(directory)
        require(directory, ids)
        blocked = np.union1d(read_blocked(directory, manifest), as_array(digests_of(ids)))
        return _block(directory, manifest, blocked, ids)


def readmit(index: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Unblock ids: records not yet compacted away are found again, others may be built again.

    A compaction that was killed is finished first if it had begun to take records away.

    Raises:
        BuildError, IndexUnavailableError: as :func:`remove`.
    """
    directory = Path(index)
    with write_lock(directory):
        manifest = finish(directory, Manifest.read(directory))
        before = read_blocked(directory, manifest)
        return _block(directory, manifest, np.setdiff1d(before, as_array(digests_of(ids))), ())


def find_ids(index: str | os.PathLike[str], uri: str) -> list[str]:
    """The ids of the records with this file's path or published address, sorted.

    Raises:
        IndexUnavailableError: there is no index.
    """
    directory = Path(index)
    Manifest.read(directory)
    tables = Tables(directory)
    wanted = set(tables.latest_ids([uri]).values())
    at = {*tables.find_rows("uri", [uri]), *tables.find_rows("url", [uri])}
    return sorted(
        (wanted | {record.id for record in tables.take((), sorted(at))}) - {*canary_ids()}
    )


def _block(
    directory: Path, manifest: Manifest, blocked: NDArray[np.bytes_], ids: Collection[str]
) -> Removal:
    tables = Tables(directory, manifest.records_version, manifest.files_version)
    before = places(record_digests(tables), read_blocked(directory, manifest))[1]
    now = places(record_digests(tables), blocked)[1]
    changed = publish_blocked(directory, manifest, blocked, np.flatnonzero(now))
    (directory / CALIBRATION_PAGE).unlink(missing_ok=True)
    fresh = {record.id for record in tables.take((), np.flatnonzero(now & ~before).tolist())}
    return Removal(str(directory), tuple(one for one in ids if one in fresh), changed.records)
