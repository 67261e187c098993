"""Pushing: copies an index to Milvus, batch by batch.

A record is inserted into the records' collection first and deleted from it last, so that every
search result has its record. It is pushed when all collections hold its present state. Readers open
the index when its manifest is complete; the same command resumes a killed push, which repeats at
most one batch.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import BuildError
from memguard.index.local import DirectoryIndex
from memguard.index.milvus.address import MilvusAddress
from memguard.index.milvus.collections import Collections, Row
from memguard.index.milvus.index import RECORDS
from memguard.index.milvus.manifest import DOCUMENTS, MilvusManifest
from memguard.index.milvus.rows import RECORD_TEXTS, key_of, record_row, stored, vector
from memguard.index.record import Record
from memguard.index.store.documents import BLOCKED, EXEMPTIONS, PUSHED, background
from memguard.index.store.exemptions import Exemptions

BATCH = 32
"""Records written in one call: about 1.5 MB."""

METRICS = {"hamming": "HAMMING", "cosine": "IP"}

MAX_FLAT_HASHES = 2_000_000
"""Hashes up to which a search compares all, which is exact."""

PLACEHOLDER: Row = {
    "vector": {"numbers": 2},
    "ann": {"index_type": "FLAT", "metric_type": "L2", "params": {}},
}
"""The vector field of collections that are not searched: Milvus requires one."""


@dataclass(frozen=True)
class PushSummary:
    """What a push did.

    Attributes:
        address: of the index in Milvus, without its token.
        records: references in it now.
        written: records that this push wrote; the others were there.
        removed: records that this push deleted, as the index no longer has them.
        blocked: records of the index that were removed from Milvus, and are not written again.
        seconds: wall-clock time of this push.
    """

    address: str
    records: int
    written: int
    removed: int
    blocked: int
    seconds: float


def push(
    index: str | os.PathLike[str],
    address: str | os.PathLike[str],
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PushSummary:
    """Make the index at a Milvus address equal to one in a directory.

    A killed push is resumed. An index already there is searched meanwhile.

    Args:
        index: the index directory.
        address: ``milvus://HOST:PORT/PREFIX``.
        on_progress: called with records done and records in all.

    Raises:
        BuildError: an index with other descriptors is there, or the copy came out incomplete.
        IndexUnavailableError: the directory holds no index, or the server does not answer.
    """
    started = time.monotonic()
    opened = DirectoryIndex.open(index)
    collections = Collections(MilvusAddress.parse(address))
    manifest = _claim(collections, opened)
    blocked = blocked_ids(collections, manifest)
    rows = [*opened.canary_rows, *opened.rows().tolist()]
    held: Counter[str] = Counter()
    keys: list[int] = []
    written = 0
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        records = [record for record in opened.take(batch) if record.id not in blocked]
        written += write_records(collections, opened.specs, records)
        keys += [key_of(record.id) for record in records]
        held.update(name for record in records for name in (RECORDS, *record.vectors))
        on_progress(start + len(batch), len(rows))
    removed = _delete_others(collections, opened.specs, np.sort(np.array(keys, np.int64)))
    _compare(collections, opened.specs, held)
    settle(collections, opened.specs)
    documents = dict(_documents(opened)) | {EXEMPTIONS: _exemptions(collections, opened)}
    finished = manifest.with_documents(collections, documents)
    replace(finished, complete=True).write(collections)
    finished.delete_other_documents(collections)
    if written:
        hashes = [spec.name for spec in opened.specs if spec.metric == "hamming"]
        collections.at_once(collections.flush, [RECORDS, *hashes, DOCUMENTS])
    return PushSummary(
        address=str(collections.address),
        records=held[RECORDS] - len(opened.canary_rows),
        written=written,
        removed=removed,
        blocked=len(rows) - len(keys),
        seconds=time.monotonic() - started,
    )


def write_records(
    collections: Collections, specs: Sequence[DescriptorSpec], records: Sequence[Record]
) -> int:
    """Write the records that Milvus does not hold in their present state; return their number.

    Raises:
        BuildError: two records have the same key (:func:`memguard.index.milvus.rows.key_of`).
    """
    rows = [record_row(record, specs) for record in records]
    keys = [row["key"] for row in rows]
    fields = {name: ["id", "digest"] if name == RECORDS else [] for name in _names(specs)}
    known = dict(
        zip(
            fields,
            collections.at_once(lambda name: collections.get(name, keys, fields[name]), fields),
        )
    )
    fresh: list[tuple[Row, Record]] = []
    for row, record in zip(rows, records, strict=True):
        there = known[RECORDS].get(row["key"], {"id": record.id, "digest": None})
        if there["id"] != record.id:
            raise BuildError(
                f"{record.uri} and the record {there['id']} of {collections.address} have ids "
                "that begin alike; Milvus can hold only one of them"
            )
        searched = all(row["key"] in known[name] for name in record.vectors)
        if there["digest"] != row["digest"] or not searched:
            fresh.append((row, record))
    collections.upsert(RECORDS, [row for row, _ in fresh])
    for spec in specs:
        collections.upsert(
            spec.name,
            [
                {"key": row["key"], "vector": vector(spec, stored(spec, record.vectors[spec.name]))}
                for row, record in fresh
                if spec.name in record.vectors
            ],
        )
    return len(fresh)


def settle(collections: Collections, specs: Sequence[DescriptorSpec]) -> None:
    """Wait until searches see all rows; hashes are compared with or without an index."""
    floats = [spec.name for spec in specs if spec.metric != "hamming"]
    collections.at_once(collections.settle, floats)


def remove_keys(
    collections: Collections, specs: Sequence[DescriptorSpec], keys: Sequence[int]
) -> None:
    """Delete records from every collection; searches that begin afterwards do not find them."""
    for name in _names(specs):
        collections.delete(name, keys)
    collections.at_once(collections.count, _names(specs))


def blocked_ids(collections: Collections, manifest: MilvusManifest) -> set[str]:
    """The ids that are blocked in this index in Milvus."""
    return set(json.loads(manifest.read_document(collections, BLOCKED) or b"[]"))


def _claim(collections: Collections, index: DirectoryIndex) -> MilvusManifest:
    """Create the collections and an incomplete manifest, if there is none.

    Raises:
        BuildError: an index with other descriptors is there.
    """
    manifest = MilvusManifest.find(collections)
    if manifest is not None and manifest.descriptors != index.specs:
        theirs, ours = (
            ", ".join(f"{spec.name} ({spec.model})" for spec in specs)
            for specs in (manifest.descriptors, index.specs)
        )
        raise BuildError(
            f"{collections.address} holds the descriptors {theirs}; this index has {ours}. "
            "Choose another prefix"
        )
    kinds = {spec.name: ann(spec, len(index)) for spec in index.specs}
    layout: dict[str, Row] = {
        **{
            spec.name: {
                "key": int,
                "vector": {"bits" if spec.metric == "hamming" else "numbers": spec.dimension},
                "ann": kinds[spec.name][0],
                "texts": (),
            }
            for spec in index.specs
        },
        RECORDS: {"key": int, **PLACEHOLDER, "texts": RECORD_TEXTS},
        DOCUMENTS: {"key": str, **PLACEHOLDER, "texts": ("text",)},
    }
    collections.at_once(lambda name: collections.create(name, **layout[name]), layout)
    if manifest is None:
        search = {name: parameters for name, (_, parameters) in kinds.items()}
        manifest = MilvusManifest(index.specs, complete=False, documents={}, search=search)
        manifest.write(collections)
    return manifest


def ann(spec: DescriptorSpec, rows: int) -> tuple[dict[str, Any], dict[str, int]]:
    """Milvus's index parameters and search parameters for a descriptor's collection."""
    metric = METRICS[spec.metric]
    if spec.metric != "hamming":
        build = {"M": 32, "efConstruction": 200}
        return {"index_type": "HNSW", "metric_type": metric, "params": build}, {"ef": 256}
    if rows <= MAX_FLAT_HASHES:
        return {"index_type": "BIN_FLAT", "metric_type": metric, "params": {}}, {}
    inverted_lists = int(4 * rows**0.5)
    index = {
        "index_type": "BIN_IVF_FLAT",
        "metric_type": metric,
        "params": {"nlist": inverted_lists},
    }
    return index, {"nprobe": max(64, inverted_lists // 16)}


def _delete_others(
    collections: Collections, specs: Sequence[DescriptorSpec], known: NDArray[np.int64]
) -> int:
    """Delete every record whose key is not among these sorted keys; return their number."""
    if collections.count(RECORDS) == len(known):
        return 0
    there = np.array([row["key"] for row in collections.where(RECORDS, "", [])], np.int64)
    others = there[~np.isin(there, known)].tolist()
    remove_keys(collections, specs, others)
    return len(others)


def _compare(collections: Collections, specs: Sequence[DescriptorSpec], held: Counter[str]) -> None:
    names = _names(specs)
    for name, count in zip(names, collections.at_once(collections.count, names)):
        if count != held[name]:
            raise BuildError(
                f"{name} of {collections.address} holds {count} rows and should hold "
                f"{held[name]}; run the same `memguard push` again"
            )


def _documents(index: DirectoryIndex) -> Iterator[tuple[str, bytes | None]]:
    for name in PUSHED:
        yield name, index.read_document(name)
    for spec in index.specs:
        if spec.metric == "cosine":
            yield background(spec.name), stored(spec, index.background(spec.name)).tobytes()


def _exemptions(collections: Collections, index: DirectoryIndex) -> bytes | None:
    """Those of the index, and those that were made in Milvus."""
    manifest = MilvusManifest.find(collections)
    there = None if manifest is None else manifest.read_document(collections, EXEMPTIONS)
    known = Exemptions.from_bytes(there, str(collections.address))
    merged = index.exemptions().merged([known])
    return merged.to_bytes() if merged.history else None


def _names(specs: Sequence[DescriptorSpec]) -> list[str]:
    """The collections with a row for each record; ``records`` is the last."""
    return [*(spec.name for spec in specs), RECORDS]
