"""An index in Milvus, opened for reading."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import IndexUnavailableError
from memguard.index.base import Health, Index
from memguard.index.milvus.address import MilvusAddress
from memguard.index.milvus.collections import Collections
from memguard.index.milvus.manifest import MilvusManifest
from memguard.index.milvus.rows import HAS_PIXELS, PARTS, key_of, matrix, record_of, vector
from memguard.index.record import Record
from memguard.index.store import documents
from memguard.index.store.canary import canary_ids

RECORDS = "records"

LAST_KEY = 2**63 - 1
"""The largest key; keys are spread evenly, as hashes are."""

MARGIN = 16
"""Results asked for besides those wanted, as some are excluded; if more are, four times as many."""

MOST_RESULTS = 16_384
"""Milvus's limit on the results of a search."""

URIS_PER_QUERY = 100
"""Uris in one query."""

DELETED = Record(
    id="",
    uri="",
    width=0,
    height=0,
    caption=None,
    rights=None,
    url=None,
    blank=True,
    thumbnail=None,
    features=None,
    vectors={},
)
"""A record that was deleted after a search had found it: blank, so that it is no evidence."""


class MilvusIndex(Index):
    """An index that was pushed to Milvus (:mod:`memguard.index.milvus.push`).

    It has no versions: everybody's next search sees what was added or deleted. Its rows are
    the records' keys.
    """

    def __init__(self, collections: Collections, manifest: MilvusManifest) -> None:
        self.collections = collections
        self.manifest = manifest
        self._specs = {spec.name: spec for spec in manifest.descriptors}
        self._canaries = frozenset(map(key_of, canary_ids()))
        self._excluded = self._canaries
        self._backgrounds: dict[str, NDArray[Any]] = {}
        self._records = self.health().records

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> MilvusIndex:
        """Open the index at ``milvus://HOST:PORT/PREFIX``.

        Raises:
            IndexUnavailableError: no server, no index there, one whose push has not finished,
                or one whose searches do not find its canary.
            ConfigurationError: this is no address, or pymilvus is not installed.
        """
        collections = Collections(MilvusAddress.parse(path))
        manifest = MilvusManifest.find(collections)
        if manifest is None:
            raise IndexUnavailableError(
                f"there is no index at {collections.address}; `memguard push INDEX "
                f"{collections.address}` copies one there"
            )
        if not manifest.complete:
            raise IndexUnavailableError(
                f"{collections.address} is an unfinished push; run the same `memguard push` "
                "again: it resumes where it stopped"
            )
        return cls(collections, manifest)

    @property
    def name(self) -> str:
        return str(self.collections.address)

    @property
    def specs(self) -> tuple[DescriptorSpec, ...]:
        return self.manifest.descriptors

    def __len__(self) -> int:
        return self._records

    def search(
        self, name: str, vectors: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        wanted, left = k + MARGIN, list(self._excluded)
        while True:
            distances, keys = self._search(name, vectors, min(wanted, MOST_RESULTS))
            excluded = np.isin(keys, left)
            found = ((keys >= 0) & ~excluded).sum(axis=1)
            if wanted >= MOST_RESULTS or bool(((found >= k) | (keys[:, -1] < 0)).all()):
                break
            wanted *= 4
        distances[excluded], keys[excluded] = np.inf, -1
        order = np.argsort(distances, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(distances, order, 1), np.take_along_axis(keys, order, 1)

    def take(self, rows: Sequence[int]) -> list[Record]:
        """The records with these keys; :data:`DELETED` for a missing one."""
        found = self.collections.get(RECORDS, rows, PARTS)
        late = [key for key in rows if key not in found]
        if late:
            found |= self.collections.get(RECORDS, late, PARTS, "Strong")
        return [record_of(found[key], self.specs) if key in found else DELETED for key in rows]

    def sample(self, count: int, rng: np.random.Generator) -> list[int]:
        """Keys of references with pixels, from a random range of keys (which are hashes)."""
        share = min(1.0, 2 * (count + 20) / max(len(self), 1))
        start = int(rng.uniform(0, 1 - share) * LAST_KEY)
        end = min(start + int(share * LAST_KEY), LAST_KEY)
        keys = self._with_pixels(f"key >= {start} and key <= {end}")
        if len(keys) < min(count, len(self)):
            keys = self._with_pixels("key >= 0")
        return [keys[at] for at in rng.permutation(len(keys))[:count]]

    def find(self, id: str) -> Record | None:
        rows = self.collections.get(RECORDS, [key_of(id)], PARTS)
        records = (record_of(row, self.specs) for row in rows.values())
        return next((one for one in records if one.id == id and not one.canary), None)

    def find_uris(self, uris: Collection[str]) -> dict[str, Record]:
        """The records with these uris or urls; of exact duplicates, Milvus knows the first uri."""
        asked = sorted(uris)
        found: dict[str, Record] = {}
        for start in range(0, len(asked), URIS_PER_QUERY):
            part = json.dumps(asked[start : start + URIS_PER_QUERY], ensure_ascii=False)
            rows = self.collections.where(RECORDS, f"uri in {part} or url in {part}", PARTS)
            for record in (record_of(row, self.specs) for row in rows):
                names = [name for name in (record.uri, record.url) if name and name in uris]
                found |= {name: record for name in names if not record.canary}
        return found

    def excluding(self, ids: Collection[str]) -> MilvusIndex:
        left = copy.copy(self)
        left.excluded_ids = self.excluded_ids.union(ids)
        left._excluded = self._excluded.union(map(key_of, ids))
        return left

    def background(self, name: str) -> NDArray[Any]:
        """A descriptor's vectors of references spread over the index, as they were when pushed."""
        if name not in self._backgrounds:
            data = self.read_document(documents.background(name)) or b""
            self._backgrounds[name] = matrix(self._specs[name], data)
        return self._backgrounds[name]

    def read_document(self, name: str) -> bytes | None:
        return self.manifest.read_document(self.collections, name)

    def health(self) -> Health:
        rows = self.collections.get(RECORDS, sorted(self._canaries), PARTS)
        planted = [record_of(row, self.specs) for row in rows.values()]
        for spec in self.specs:
            self._look_up(spec, [record for record in planted if spec.name in record.vectors])
        newest = MilvusManifest.find(self.collections)
        records = self.collections.count(RECORDS) - len(planted)
        return Health(self.name, records, outdated=newest != self.manifest)

    def _look_up(self, spec: DescriptorSpec, planted: Sequence[Record]) -> None:
        keys = np.full((len(planted), 1), -1)
        if planted:
            keys = self._search(spec.name, np.stack([r.vectors[spec.name] for r in planted]), 1)[1]
        if not planted or not np.isin(keys, list(self._canaries)).all():
            raise IndexUnavailableError(
                f"the search by {spec.name} in {self.name} does not find its canary, so it would "
                "not find copies either; push the index again"
            )

    def _search(
        self, name: str, queries: NDArray[Any], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Distances and keys, canaries included; infinity and -1 after the last result."""
        spec = self._specs[name]
        params = self.manifest.search[name]
        if "ef" in params:  # Milvus wants at least k
            params = {**params, "ef": max(params["ef"], k)}
        answers = self.collections.search(name, [vector(spec, row) for row in queries], k, params)
        scores = np.full((len(queries), k), np.nan)
        keys = np.full((len(queries), k), -1, dtype=np.int64)
        for at, hits in enumerate(answers):
            for place, (key, score) in enumerate(hits):
                keys[at, place], scores[at, place] = key, score
        distances = np.where(keys < 0, np.inf, _distances(spec, scores))
        return distances.astype(np.float32), keys

    def _with_pixels(self, within: str) -> list[int]:
        wanted = f'({within}) and pixels == "{HAS_PIXELS}"'
        keys = (row["key"] for row in self.collections.where(RECORDS, wanted, []))
        return sorted(key for key in keys if key not in self._canaries)


def _distances(spec: DescriptorSpec, scores: NDArray[Any]) -> NDArray[Any]:
    """Milvus's scores (inner product, bits) in the units of the metric."""
    return 1 - scores if spec.metric == "cosine" else scores
