"""Takedown: records that no search finds any more, and images that no build takes in again.

What counts is the list of refused ids: the removed rows are those whose id is on it. A removal is
committed with the manifest, in one step; the bytes go from the files when the index is compacted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memguard.errors import ConfigurationError
from memguard.index.base import Removal
from memguard.index.ingest.publish import publish_blocked
from memguard.index.ingest.reader import ID_DIGITS
from memguard.index.store.canary import canary_ids
from memguard.index.store.digests import as_array, id_digest, places
from memguard.index.store.documents import CALIBRATION_PAGE
from memguard.index.store.manifest import Manifest
from memguard.index.store.row_arrays import read_digests, record_digests
from memguard.index.store.tables import Tables
from memguard.index.store.write_lock import at_work

ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")


def remove(index: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Take images down: gone from every search of whoever opens or reloads the index from now on.

    No later build takes the same bytes in again, unless :func:`readmit` allows it.

    Args:
        index: the index directory.
        ids: of records; those that are removed already stay so.

    Raises:
        ConfigurationError: an id that the index does not hold.
        BuildError: somebody else changes the index.
        IndexUnavailableError: there is no index.
    """
    directory = Path(index)
    with at_work(directory):
        manifest = Manifest.read(directory)
        newest = record_digests(Tables(directory))
        wanted = as_array(_digests(ids))
        unknown = [one for one, there in zip(ids, places(wanted, newest)[1]) if not there]
        if unknown or not set(ids).isdisjoint(canary_ids()):
            raise ConfigurationError(
                f"{directory} holds no image with the id {(unknown or list(ids))[0]}; `memguard "
                "check` and `memguard duplicates` name ids with --json"
            )
        before = read_digests(directory, manifest)
        return _refuse(directory, manifest, np.union1d(before, wanted), ids)


def readmit(index: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Undo a takedown: records that were not compacted away are found again, and builds take the
    images in again.

    Raises:
        BuildError, IndexUnavailableError: as :func:`remove`.
    """
    directory = Path(index)
    with at_work(directory):
        manifest = Manifest.read(directory)
        before = read_digests(directory, manifest)
        return _refuse(directory, manifest, np.setdiff1d(before, as_array(_digests(ids))), ())


def find_ids(index: str | os.PathLike[str], uri: str) -> list[str]:
    """The records of a file's path or of a published address.

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


def _digests(ids: Collection[str]) -> list[bytes]:
    for one in ids:
        if not ID.fullmatch(one):
            raise ConfigurationError(f"an id is {ID_DIGITS} hexadecimal digits; {one!r} is not")
    return [id_digest(one) for one in ids]


def _refuse(
    directory: Path, manifest: Manifest, refused: NDArray[np.bytes_], ids: Collection[str]
) -> Removal:
    tables = Tables(directory, manifest.records_version, manifest.files_version)
    before = places(record_digests(tables), read_digests(directory, manifest))[1]
    now = places(record_digests(tables), refused)[1]
    changed = publish_blocked(directory, manifest, refused, np.flatnonzero(now))
    (directory / CALIBRATION_PAGE).unlink(missing_ok=True)
    fresh = {record.id for record in tables.take((), np.flatnonzero(now & ~before).tolist())}
    return Removal(str(directory), tuple(one for one in ids if one in fresh), changed.records)
