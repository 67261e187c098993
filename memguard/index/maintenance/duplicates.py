"""What a training set repeats: the images shown most often, and the files that add no image.

A model memorizes what it sees often: Carlini et al. (2023) extracted mostly images that Stable
Diffusion had seen at least 100 times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from memguard.index.local import DirectoryIndex
from memguard.index.record import Record
from memguard.index.store.digests import places
from memguard.index.store.row_arrays import latest_files, record_digests
from memguard.index.store.tables import Tables

SHOWN = 8
"""Members of a cluster that are shown."""


@dataclass(frozen=True)
class Repeated:
    """References that are nearly the same image.

    Attributes:
        files: files of the training set that show it, exact duplicates included.
        images: distinct images among them.
        members: the first of these, at most SHOWN.
    """

    files: int
    images: int
    members: tuple[Record, ...]

    @property
    def title(self) -> str:
        """How often it occurs, with the uri and caption of its first member."""
        first = self.members[0]
        caption = f": {first.caption}" if first.caption else ""
        return f"{self.files} files, {self.images} distinct; {first.uri}{caption}"


def most_repeated(index: DirectoryIndex, count: int) -> list[Repeated]:
    """The ``count`` images that occur in the most files, most files first; at least two each."""
    rows = index.rows()
    names, members = np.unique(index.clusters()[rows], return_inverse=True)
    files = np.bincount(members, weights=index.exact_duplicates()[rows]).astype(np.int64)
    images = np.bincount(members)
    order = np.argsort(-files, kind="stable")[:count]
    return [
        Repeated(
            int(files[at]),
            int(images[at]),
            tuple(index.take(rows[members == at][:SHOWN].tolist())),
        )
        for at in order[: len(names)]
        if files[at] > 1
    ]


def files_of(index: DirectoryIndex, ids: Collection[str]) -> dict[str, list[str]]:
    """The uris of all files that hold each of these images now, in build order."""
    tables = Tables(index.directory, index.manifest.records_version, index.manifest.files_version)
    wanted = pa.array(list(ids), pa.string())
    seen: dict[str, None] = {}
    for batch in tables.scan_files(["uri", "id"]):
        here = batch.filter(pc.is_in(batch.column("id"), value_set=wanted))
        seen |= dict.fromkeys(here.column("uri").to_pylist())
    latest = tables.latest_ids(seen)
    found: dict[str, list[str]] = {one: [] for one in ids}
    for uri in seen:
        if latest.get(uri) in found:
            found[latest[uri]].append(uri)
    return found


def redundant_files(index: DirectoryIndex) -> Iterator[str]:
    """The uris of all files but the first of each image and its near-duplicates, in build order.

    A training set without these files repeats nothing. Files of deleted images are not listed.
    """
    tables = Tables(index.directory, index.manifest.records_version, index.manifest.files_version)
    entries, ids = latest_files(tables)
    at, there = places(ids, record_digests(tables))
    there &= np.isin(at, index.rows())
    entries, clusters = entries[there], index.clusters()[at[there]]
    _, firsts = np.unique(clusters, return_index=True)
    redundant = np.delete(entries, firsts)
    start = 0
    for batch in tables.scan_files(["uri"]):
        here = redundant[(redundant >= start) & (redundant < start + len(batch))] - start
        yield from batch.column("uri").take(here).to_pylist()
        start += len(batch)
