"""Changes of an index in Milvus; everybody's next search shows them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Sequence

from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.errors import BuildError, ConfigurationError
from memguard.index.base import BuildSummary, IndexWriter, Progress, Removal
from memguard.index.ingest.describe import describe
from memguard.index.ingest.reader import Readable, Unreadable
from memguard.index.ingest.workers import read_in_workers
from memguard.index.milvus.collections import Consistency, Row
from memguard.index.milvus.index import RECORDS, MilvusIndex
from memguard.index.milvus.manifest import MilvusManifest
from memguard.index.milvus.push import blocked_ids, remove_keys, settle, write_records
from memguard.index.milvus.rows import PARTS, key_of, record_of
from memguard.index.origin import Origin
from memguard.index.store.canary import canary_ids
from memguard.index.store.documents import BLOCKED, EXEMPTIONS
from memguard.index.store.exemptions import Change, Exemptions
from memguard.sources.base import Source


class MilvusWriter(IndexWriter):
    """Changes an index that was pushed to Milvus.

    Attributes:
        index: the index, opened for reading.
    """

    def __init__(self, index: MilvusIndex) -> None:
        self.index = index

    @property
    def specs(self) -> tuple[DescriptorSpec, ...]:
        return self.index.specs

    def add(
        self,
        source: Source,
        descriptors: Sequence[Descriptor],
        *,
        workers: int | None = None,
        memory: int | None = None,  # noqa: ARG002
        ray: str | None = None,  # noqa: ARG002
        on_progress: Callable[[Progress], None] = lambda _: None,
    ) -> BuildSummary:
        """Add the images of a source; those that Milvus holds already are only read again.

        Milvus keeps no list of files: ``skipped`` is 0, and the duplicates of a reference are
        counted as in the last push.
        """
        started = time.monotonic()
        index = self.index
        if tuple(descriptor.spec for descriptor in descriptors) != index.specs:
            raise BuildError(
                f"{index.name} holds other descriptors than these; `memguard add` computes its own"
            )
        blocked_before = self._blocked()
        prepare = {descriptor.spec.name: descriptor.prepare for descriptor in descriptors}
        added = duplicates = blocked = done = 0
        unreadable: dict[str, str] = {}
        seen: set[str] = set()
        for results in read_in_workers(source.iterate(), prepare, workers):
            ids = [one.id for one in results if isinstance(one, Readable)]
            known = self._known(ids, "Eventually")
            fresh: list[Readable] = []
            for result in results:
                if isinstance(result, Unreadable):
                    unreadable[result.item.uri] = result.reason
                elif result.id in blocked_before:
                    blocked += 1
                elif result.id in known or result.id in seen:
                    duplicates += 1
                else:
                    seen.add(result.id)
                    fresh.append(result)
            write_records(index.collections, index.specs, describe(descriptors, fresh))
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
            blocked=blocked,
            unreadable=unreadable,
            seconds=time.monotonic() - started,
        )

    def remove(self, ids: Collection[str]) -> Removal:
        index = self.index
        self.require(ids)
        known = self._known(ids, "Strong")
        self._block(self._blocked() | set(ids))
        remove_keys(index.collections, index.specs, [*map(key_of, known)])
        return Removal(index.name, tuple(sorted(known)), index.health().records)

    def readmit(self, ids: Collection[str]) -> Removal:
        """Unblock ids, so that a push or an add may bring the images back."""
        self._block(self._blocked() - set(ids))
        return Removal(self.index.name, (), len(self.index))

    def find_ids(self, uri: str) -> list[str]:
        return sorted(record.id for record in self.index.find_uris([uri]).values())

    def find_ids_of(self, origin: Origin) -> list[str]:
        fields = ["id", *PARTS] if origin.licence else ["id", "uri", "url"]
        rows = self.index.collections.where(RECORDS, "", fields)
        return sorted({row["id"] for row in rows if self._is_of(origin, row)} - {*canary_ids()})

    def _is_of(self, origin: Origin, row: Row) -> bool:
        if origin.licence is None:
            return origin.is_place_of(row["uri"]) or origin.is_place_of(row["url"])
        record = record_of(row, self.specs)
        placed = origin.source is None or any(map(origin.is_place_of, (record.uri, record.url)))
        return placed and origin.is_licence_of(record.rights)

    def require(self, ids: Collection[str]) -> None:
        known = self._known(ids, "Strong") - {*canary_ids()}
        unknown = set(ids) - known - self._blocked()
        if unknown:
            raise ConfigurationError(
                f"{self.index.name} holds no image with the id {min(unknown)}; `memguard check` "
                "names ids with --json"
            )

    def exempt(self, change: Change) -> Exemptions:
        newest = self._newest().read_document(self.index.collections, EXEMPTIONS)
        changed = Exemptions.from_bytes(newest, self.index.name).changed(change)
        self.write_document(EXEMPTIONS, changed.to_bytes())
        return changed

    def write_document(self, name: str, data: bytes | None) -> None:
        collections = self.index.collections
        self.index.manifest = self._newest().with_documents(collections, {name: data})
        self.index.manifest.write(collections)

    def _blocked(self) -> set[str]:
        return blocked_ids(self.index.collections, self._newest())

    def _newest(self) -> MilvusManifest:
        """The manifest that is there now, which another writer may have replaced."""
        return MilvusManifest.find(self.index.collections) or self.index.manifest

    def _block(self, ids: Collection[str]) -> None:
        self.write_document(BLOCKED, json.dumps(sorted(ids)).encode())

    def _known(self, ids: Collection[str], consistency: Consistency) -> set[str]:
        """Those of the ids that the index holds."""
        try:
            keys = [*map(key_of, ids)]
        except ValueError:
            raise ConfigurationError(
                f"an id is 32 hexadecimal digits; {', '.join(ids)} is not"
            ) from None
        rows = self.index.collections.get(RECORDS, keys, ["id"], consistency)
        return {row["id"] for row in rows.values()}.intersection(ids)
