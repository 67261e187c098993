"""``add`` and ``remove`` in Milvus, where a change shows in everybody's next search."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Sequence

from memguard.descriptors.base import Descriptor
from memguard.errors import BuildError, ConfigurationError
from memguard.index.base import Removal
from memguard.index.ingest.builder import BuildSummary, Progress, read_all
from memguard.index.ingest.describe import described
from memguard.index.ingest.reader import Readable, Unreadable
from memguard.index.milvus.collections import Consistency
from memguard.index.milvus.index import RECORDS, MilvusIndex
from memguard.index.milvus.push import refused_ids, remove_keys, settle, write_records
from memguard.index.milvus.rows import key_of
from memguard.index.store.canary import canary_ids
from memguard.index.store.documents import REFUSED
from memguard.sources.base import Source


def add_there(
    source: Source,
    address: str | os.PathLike[str],
    descriptors: Sequence[Descriptor],
    *,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> BuildSummary:
    """Add the images of a source to an index in Milvus; what it holds already is only read again.

    Milvus keeps no list of files: ``skipped`` is 0, and a reference's counts of copies and
    near-duplicates are those of the last push.

    Raises:
        BuildError: the source holds no files, or the index other descriptors.
        IndexUnavailableError: no finished index there, or the server does not answer.
    """
    started = time.monotonic()
    index = MilvusIndex.open(address)
    if tuple(descriptor.spec for descriptor in descriptors) != index.specs:
        raise BuildError(
            f"{index.name} holds other descriptors than these; `memguard add` computes its own"
        )
    refused = refused_ids(index.collections, index.manifest)
    prepare = {descriptor.spec.name: descriptor.prepare for descriptor in descriptors}
    added = duplicates = taken_down = done = 0
    unreadable: dict[str, str] = {}
    seen: set[str] = set()
    for results in read_all(source.iterate(), prepare, workers):
        ids = [one.id for one in results if isinstance(one, Readable)]
        known = _known(index, ids, "Eventually")
        fresh: list[Readable] = []
        for result in results:
            if isinstance(result, Unreadable):
                unreadable[result.item.uri] = result.reason
            elif result.id in refused:
                taken_down += 1
            elif result.id in known or result.id in seen:
                duplicates += 1
            else:
                seen.add(result.id)
                fresh.append(result)
        write_records(index.collections, index.specs, described(descriptors, fresh))
        added += len(fresh)
        done += len(results)
        on_progress(Progress(done, source.size(), len(unreadable)))
    if not done:
        raise BuildError("the source holds no image files; nothing was added")
    settle(index.collections, index.specs)
    return BuildSummary(
        path=index.name,
        records=index.health().records,
        added=added,
        skipped=0,
        duplicates=duplicates,
        refused=taken_down,
        unreadable=unreadable,
        seconds=time.monotonic() - started,
    )


def remove_there(address: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Take images down: when this returns, no search finds them, and no push or add brings them
    back, unless :func:`readmit_there` allows it.

    Raises:
        ConfigurationError: an id that the index does not hold.
        IndexUnavailableError: no finished index there, or the server does not answer.
    """
    index = MilvusIndex.open(address)
    refused = refused_ids(index.collections, index.manifest)
    known = _known(index, ids, "Strong") - {*canary_ids()}
    unknown = set(ids) - known - refused
    if unknown:
        raise ConfigurationError(
            f"{index.name} holds no image with the id {min(unknown)}; `memguard check` names ids "
            "with --json"
        )
    index.write_document(REFUSED, json.dumps(sorted(refused | set(ids))).encode())
    remove_keys(index.collections, index.specs, [*map(key_of, known)])
    return Removal(index.name, tuple(sorted(known)), index.health().records)


def readmit_there(address: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Undo a takedown: a push or an add may bring the images back.

    Raises:
        IndexUnavailableError: no finished index there, or the server does not answer.
    """
    index = MilvusIndex.open(address)
    refused = refused_ids(index.collections, index.manifest)
    index.write_document(REFUSED, json.dumps(sorted(refused - set(ids))).encode())
    return Removal(index.name, (), len(index))


def _known(index: MilvusIndex, ids: Collection[str], consistency: Consistency) -> set[str]:
    """Those of the ids that the index holds."""
    try:
        keys = [*map(key_of, ids)]
    except ValueError:
        raise ConfigurationError(
            f"an id is 32 hexadecimal digits; {', '.join(ids)} is not"
        ) from None
    rows = index.collections.get(RECORDS, keys, ["id"], consistency)
    return {row["id"] for row in rows.values()}.intersection(ids)
