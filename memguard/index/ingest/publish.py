"""Publishing a revision: files derived from the tables, and the manifest that pins them all."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from memguard._version import __version__
from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.index.ingest.ann_indexes import with_known_recall, write_ann_indexes
from memguard.index.ingest.near_duplicates import cluster_sizes, first_members, grow_clusters
from memguard.index.ingest.revision import ANN, Revision
from memguard.index.store import row_arrays
from memguard.index.store.digests import places
from memguard.index.store.fingerprints import fingerprint_tables
from memguard.index.store.manifest import MANIFEST_NAME, Manifest
from memguard.index.store.reader_lease import lease_path
from memguard.index.store.tables import Tables


def publish(
    directory: Path,
    specs: Sequence[DescriptorSpec],
    old: Manifest | None,
    *,
    memory: int | None = None,
    blocked: NDArray[np.bytes_] | None = None,
    descriptors: Sequence[Descriptor] = (),
    rewritten: bool = False,
) -> Manifest | None:
    """Derive all files from the newest tables, and replace the manifest.

    The tables may lack rows of the old manifest: a compaction commits them first, and may be killed
    before it publishes. Then the other rows have moved, and all ANN indexes are written anew.

    Args:
        directory: the index.
        specs: its descriptors.
        old: the manifest that is replaced, if any.
        memory: bytes that searches may occupy; None for no limit.
        blocked: digests of images that no search may find; None for those of the old manifest.
        descriptors: simulate copies, to measure the recall of inexact indexes; where empty, a
            recall that was measured before stays.
        rewritten: whether the tables no longer need files that readers of the old manifest do.

    Returns:
        The manifest; None where the tables hold no training image.

    Raises:
        ConfigurationError: there are new rows, and a descriptor is not installed here.
    """
    tables = Tables(directory)
    canaries = tables.flagged("canary")
    if len(tables) == len(canaries):
        return None
    digests = row_arrays.record_digests(tables)
    kept = _kept(directory, old, digests)
    moved = kept is not None
    revision = Revision(directory, 1 if old is None else old.revision + 1, tables, tuple(specs))
    generation = 0 if old is None else old.generation + (rewritten or moved)
    for folder in (ANN, row_arrays.FOLDER):
        (directory / folder).mkdir(exist_ok=True)
    lease_path(directory, generation).touch()

    if blocked is None:
        blocked = row_arrays.read_blocked(directory, old)
    deleted = np.flatnonzero(places(digests, blocked)[1])
    hidden = np.union1d(deleted, canaries)
    missing = missing_rows(tables, revision.specs)
    ann = write_ann_indexes(revision, None if moved else old, memory, descriptors, deleted)
    if old is not None:
        ann = {name: with_known_recall(file, old.ann.get(name)) for name, file in ann.items()}
    clusters = row_arrays.read_array(directory, old, row_arrays.CLUSTERS)
    if kept is not None:
        clusters = first_members(clusters[kept[: len(clusters)]])
    clusters = grow_clusters(
        revision, ann, clusters, np.union1d(canaries, tables.flagged("blank")), missing
    )
    pinned = revision.write_arrays(
        {
            row_arrays.BLOCKED: blocked,
            row_arrays.DELETED: deleted,
            row_arrays.EXACT_DUPLICATES: row_arrays.count_exact_duplicates(tables, digests),
            **{row_arrays.MISSING + name: rows for name, rows in missing.items()},
            row_arrays.CLUSTERS: clusters,
            row_arrays.NEAR_DUPLICATES: cluster_sizes(clusters, hidden),
        }
    )
    pinned[row_arrays.TABLES] = fingerprint_tables(directory, old, revision.number)
    manifest = Manifest(
        descriptors=revision.specs,
        revision=revision.number,
        generation=generation,
        records_version=tables.versions[0],
        files_version=tables.versions[1],
        rows=len(tables),
        records=len(tables) - len(hidden),
        with_rights=len(tables) - len(np.union1d(hidden, tables.missing("rights"))),
        unreadable=len(tables.unreadable()),
        canaries=tuple(canaries.tolist()),
        ann=ann,
        lists=pinned,
        memory=memory,
        written_by=__version__,
    )
    replace_manifest(directory, manifest)
    return manifest


def publish_blocked(
    directory: Path, old: Manifest, blocked: NDArray[np.bytes_], deleted: NDArray[np.int64]
) -> Manifest:
    """Replace the manifest by one of the same tables, with other images blocked.

    Args:
        directory: the index.
        old: the manifest that is replaced.
        blocked: digests of images that no build takes in.
        deleted: their rows.
    """
    tables = Tables(directory, old.records_version, old.files_version)
    revision = Revision(directory, old.revision + 1, tables, old.descriptors)
    hidden = np.union1d(deleted, np.array(old.canaries, np.int64))
    clusters = row_arrays.read_array(directory, old, row_arrays.CLUSTERS)
    arrays = {
        row_arrays.BLOCKED: blocked,
        row_arrays.DELETED: deleted,
        row_arrays.NEAR_DUPLICATES: cluster_sizes(clusters, hidden),
    }
    unchanged = {name: file for name, file in old.lists.items() if name not in arrays}
    manifest = dataclasses.replace(
        old,
        revision=revision.number,
        records=old.rows - len(hidden),
        with_rights=old.rows - len(np.union1d(hidden, tables.missing("rights"))),
        lists={**unchanged, **revision.write_arrays(arrays)},
    )
    replace_manifest(directory, manifest)
    return manifest


def replace_manifest(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest in one atomic step, then delete the files that it does not pin."""
    spare = directory / row_arrays.FOLDER / spare_name(manifest.revision)
    manifest.write(spare)
    manifest.write(directory / MANIFEST_NAME)
    current = {spare, *(directory / file.path for file in manifest.files())}
    for folder in (ANN, row_arrays.FOLDER):
        for stale in set((directory / folder).iterdir()) - current:
            stale.unlink()


def spare_name(revision: int) -> str:
    """The copy of a manifest, from which a damaged one is mended."""
    return f"manifest-{revision}.json"


def missing_rows(tables: Tables, specs: Sequence[DescriptorSpec]) -> dict[str, NDArray[np.int64]]:
    """Column name to rows without it: thumbnails and vectors, which only records without pixels
    can lack."""
    bare = tables.without_pixels()
    vectors = {spec.name: tables.missing(spec.name) if len(bare) else bare for spec in specs}
    return {"thumbnail": bare, **vectors}


def _kept(
    directory: Path, old: Manifest | None, digests: NDArray[np.bytes_]
) -> NDArray[np.bool_] | None:
    """Which rows of the old manifest are among those with these digests; None for all of them, in
    their old places."""
    if old is None:
        return None
    known = row_arrays.record_digests(Tables(directory, old.records_version, old.files_version))
    if np.array_equal(known, digests[: len(known)]):
        return None
    return places(known, digests)[1]
