"""Which files of a training set show what another one shows already."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from memguard.index.local import DirectoryIndex
from memguard.index.store.digests import places
from memguard.index.store.row_arrays import latest_files, record_digests
from memguard.index.store.tables import Tables


def redundant_files(index: DirectoryIndex) -> Iterator[str]:
    """The uris of all files but the first of each image and its near-duplicates, in the order in
    which the index was built: a training set without them repeats nothing.

    Images that were taken down are left out.
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
