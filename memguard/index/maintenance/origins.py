"""The references that a directory holds: those of an origin, and those with given ids."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from pathlib import Path

from memguard.errors import ConfigurationError
from memguard.index.ingest.reader import ID_DIGITS
from memguard.index.origin import Origin
from memguard.index.store.canary import canary_ids
from memguard.index.store.digests import as_array, id_digest, places
from memguard.index.store.manifest import Manifest
from memguard.index.store.row_arrays import read_blocked, record_digests
from memguard.index.store.tables import Tables

ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")


def find_ids_of(index: str | os.PathLike[str], origin: Origin) -> list[str]:
    """The ids of the records of an origin that are not removed, sorted.

    Raises:
        IndexUnavailableError: there is no index.
    """
    directory = Path(index)
    manifest = Manifest.read(directory)
    tables = Tables(directory, manifest.records_version, manifest.files_version)
    ids = sorted(_of(tables, origin) - {*canary_ids()})
    removed = places(as_array(digests_of(ids)), read_blocked(directory, manifest))[1]
    return [one for one, gone in zip(ids, removed.tolist(), strict=True) if not gone]


def require(index: str | os.PathLike[str], ids: Collection[str]) -> None:
    """Refuse ids that no record has; those of removed records are known.

    Raises:
        ConfigurationError: one of them.
        IndexUnavailableError: there is no index.
    """
    directory = Path(index)
    Manifest.read(directory)
    held = places(as_array(digests_of(ids)), record_digests(Tables(directory)))[1]
    unknown = [one for one, there in zip(ids, held) if not there or one in canary_ids()]
    if unknown:
        raise ConfigurationError(
            f"{directory} holds no image with the id {unknown[0]}; `memguard check` and `memguard "
            "duplicates` name ids with --json"
        )


def digests_of(ids: Collection[str]) -> list[bytes]:
    """The digests of ids.

    Raises:
        ConfigurationError: one is no id.
    """
    for one in ids:
        if not ID.fullmatch(one):
            raise ConfigurationError(f"an id is {ID_DIGITS} hexadecimal digits; {one!r} is not")
    return [id_digest(one) for one in ids]


def _of(tables: Tables, origin: Origin) -> set[str]:
    inside, licensed = set(), set()
    for batch in tables.scan(["id", "uri", "url", "rights"]):
        for row in batch.to_pylist():
            if origin.is_place_of(row["uri"]) or origin.is_place_of(row["url"]):
                inside.add(row["id"])
            if origin.is_licence_of(row["rights"]):
                licensed.add(row["id"])
    if origin.source is None:
        return licensed
    latest: dict[str, str | None] = {}
    for batch in tables.scan_files(["uri", "id"]):
        pairs = zip(batch.column("uri").to_pylist(), batch.column("id").to_pylist())
        latest.update(pair for pair in pairs if origin.is_place_of(pair[0]))
    inside |= {one for one in latest.values() if one is not None}
    return inside if origin.licence is None else inside & licensed
