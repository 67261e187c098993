"""Whether what is derived from the tables of an index fits their rows.

Older versions shifted the rows of the ANN indexes where an index grew after a killed compaction:
their bytes were whole, and searches found other images.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memguard.index.ann.held_rows import holds_rows
from memguard.index.ingest.near_duplicates import cluster_sizes
from memguard.index.ingest.publish import missing_rows
from memguard.index.ingest.stored_vectors import StoredVectors
from memguard.index.store import row_arrays
from memguard.index.store.digests import places
from memguard.index.store.manifest import Manifest, PinnedFile
from memguard.index.store.tables import Tables


def files_of_other_rows(directory: Path, manifest: Manifest) -> Iterator[PinnedFile]:
    """The files that were derived from other rows than the pinned tables hold.

    Args:
        directory: the index.
        manifest: names the files to compare, whose bytes are whole.
    """
    tables = Tables(directory, manifest.records_version, manifest.files_version)
    shifted = [
        file.files[0]
        for spec in manifest.descriptors
        if (file := manifest.ann.get(spec.name))
        and not holds_rows(file.index(directory, spec), StoredVectors(tables, spec))
    ]
    yield from shifted
    for name, expected in _arrays(directory, manifest, tables).items():
        pinned = manifest.lists.get(name)
        held = row_arrays.read_array(directory, manifest, name)
        if pinned and not np.array_equal(held, expected):
            yield pinned
    clusters = manifest.lists.get(row_arrays.CLUSTERS)
    if clusters and (shifted or len(_clusters(directory, manifest)) != len(tables)):
        yield clusters  # they were found with the ANN indexes


def _arrays(
    directory: Path, manifest: Manifest, tables: Tables
) -> dict[str, NDArray[np.int64] | NDArray[np.uint32]]:
    """What the arrays over the rows should hold, by name."""
    digests = row_arrays.record_digests(tables)
    deleted = np.flatnonzero(places(digests, row_arrays.read_blocked(directory, manifest))[1])
    missing = missing_rows(tables, manifest.descriptors)
    clusters = _clusters(directory, manifest)
    sizes = {}
    if len(clusters) == len(tables):
        hidden = np.union1d(deleted, tables.flagged("canary"))
        sizes[row_arrays.NEAR_DUPLICATES] = cluster_sizes(clusters, hidden)
    return {
        row_arrays.DELETED: deleted,
        row_arrays.EXACT_DUPLICATES: row_arrays.count_exact_duplicates(tables, digests),
        **{row_arrays.MISSING + name: rows for name, rows in missing.items()},
        **sizes,
    }


def _clusters(directory: Path, manifest: Manifest) -> NDArray[np.int64]:
    return np.asarray(row_arrays.read_array(directory, manifest, row_arrays.CLUSTERS))
