"""Everything that is derived from the tables of an index, and the manifest that pins it all."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard._version import __version__
from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice, plan
from memguard.index.ann.recall import RecallProbe
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.writer import extend, write
from memguard.index.ingest.near_duplicates import (
    MAX_DISTANCES,
    cluster,
    cluster_sizes,
    first_members,
    near_pairs,
)
from memguard.index.ingest.stored_vectors import StoredVectors
from memguard.index.store import row_arrays as lists
from memguard.index.store.digests import places
from memguard.index.store.fingerprints import fingerprint_tables
from memguard.index.store.manifest import NAME, AnnFile, Manifest, PinnedFile
from memguard.index.store.reader_lease import lease_path
from memguard.index.store.tables import Tables

ANN = "ann"

DescribeCopies = Callable[[Tables, Sequence[int]], dict[str, RecallProbe]]
"""Tables and positions of references with pixels -> descriptor name to simulated copies of them."""


def derive_all(
    directory: Path,
    specs: Sequence[DescriptorSpec],
    old: Manifest | None,
    *,
    memory: int | None = None,
    refused: NDArray[np.bytes_] | None = None,
    describe_copies: DescribeCopies | None = None,
    kept: NDArray[np.bool_] | None = None,
) -> Manifest | None:
    """Derive what belongs to the newest tables, and put the manifest in place.

    Args:
        directory: the index.
        specs: its descriptors.
        old: the manifest that is replaced, if any.
        memory: bytes that searches may occupy; None for no limit.
        refused: digests of images that must not be found; None for those of the old manifest.
        describe_copies: to measure the recall of copies where a search is not exact.
        kept: which of the old manifest's rows there still are, where rows have moved since.

    Returns:
        The manifest; None where the tables hold no training image.
    """
    tables = Tables(directory)
    canaries = tables.flagged("canary")
    if len(tables) == len(canaries):
        return None
    revision = 1 if old is None else old.revision + 1
    generation = 0 if old is None else old.generation + (kept is not None)
    for folder in (ANN, lists.FOLDER):
        (directory / folder).mkdir(exist_ok=True)
    lease_path(directory, generation).touch()

    digests = lists.record_digests(tables)
    refused = lists.read_digests(directory, old) if refused is None else refused
    removed = np.flatnonzero(places(digests, refused)[1])
    arrays: dict[str, NDArray[Any]] = {
        lists.REFUSED: refused,
        lists.REMOVED: removed,
        lists.EXACT_DUPLICATES: lists.count_exact_duplicates(tables, digests),
    }
    missing = _missing(tables, specs)
    arrays |= {lists.MISSING + name: positions for name, positions in missing.items()}
    grown = old if kept is None else None
    ann = _derive_ann(directory, specs, tables, grown, revision, memory, describe_copies, removed)
    ann = {
        name: _with_known_recall(file, old.ann.get(name) if old else None)
        for name, file in ann.items()
    }
    hidden = np.union1d(removed, canaries)
    before = lists.read_list(directory, old, lists.CLUSTERS)
    before = before if kept is None else first_members(before[kept[: len(before)]])
    arrays[lists.CLUSTERS] = clusters = _cluster(
        directory,
        specs,
        tables,
        ann,
        before,
        np.union1d(canaries, tables.flagged("blank")),
        missing,
    )
    arrays[lists.NEAR_DUPLICATES] = cluster_sizes(clusters, hidden)
    pinned = {
        name: lists.write_list(directory, name, revision, array)
        for name, array in arrays.items()
        if len(array)
    }
    pinned[lists.TABLES] = fingerprint_tables(directory, old, revision)
    manifest = Manifest(
        descriptors=tuple(specs),
        revision=revision,
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
    put_in_place(directory, manifest)
    return manifest


def put_in_place(directory: Path, manifest: Manifest) -> None:
    """Replace the manifest, after which readers see the new state, and tidy up."""
    spare = directory / lists.FOLDER / spare_name(manifest.revision)
    manifest.write(spare)
    manifest.write(directory / NAME)
    current = {spare, *(directory / file.path for file in manifest.files())}
    for folder in (ANN, lists.FOLDER):
        for stale in set((directory / folder).iterdir()) - current:
            stale.unlink()


def spare_name(revision: int) -> str:
    """The manifest's copy, from which a damaged one is mended."""
    return f"manifest-{revision}.json"


def derive_ann(
    directory: Path,
    spec: DescriptorSpec,
    tables: Tables,
    choice: AnnChoice,
    revision: int,
    copies: RecallProbe | None = None,
) -> AnnFile:
    """Write the FAISS file of one descriptor."""
    index = AnnIndex(spec, directory / ANN / f"{spec.name}-{revision}.faiss", choice)
    return _pinned(directory, write(index, StoredVectors(tables, spec), copies))


def _missing(tables: Tables, specs: Sequence[DescriptorSpec]) -> dict[str, NDArray[np.int64]]:
    """Positions of the records without a thumbnail, and without each descriptor's row: only those
    without pixels can lack one.
    """
    bare = tables.without_pixels()
    rows = {spec.name: tables.missing(spec.name) if len(bare) else bare for spec in specs}
    return {"thumbnail": bare, **rows}


def _derive_ann(
    directory: Path,
    specs: Sequence[DescriptorSpec],
    tables: Tables,
    old: Manifest | None,
    revision: int,
    memory: int | None,
    describe_copies: DescribeCopies | None,
    removed: NDArray[np.int64],
) -> dict[str, AnnFile]:
    choices = plan(specs, len(tables), memory)
    kept = {spec.name for spec in specs if old and _can_grow(directory, old, spec, choices)}
    inexact = [s.name for s in specs if s.name not in kept and not choices[s.name].exact]
    copies = describe_copies(tables, removed.tolist()) if describe_copies and inexact else {}
    derived: dict[str, AnnFile] = {}
    for spec in specs:
        if old is None or spec.name not in kept:
            derived[spec.name] = derive_ann(
                directory, spec, tables, choices[spec.name], revision, copies.get(spec.name)
            )
            continue
        file = old.ann[spec.name]
        if old.rows == len(tables):
            derived[spec.name] = file
            continue
        path = directory / ANN / f"{spec.name}-{revision}.faiss"
        blocks = tables.column(spec, after=old.rows)
        grown = extend(file.index(directory, spec), blocks, path)
        derived[spec.name] = _pinned(directory, grown)
    return derived


def _can_grow(
    directory: Path, old: Manifest, spec: DescriptorSpec, choices: dict[str, AnnChoice]
) -> bool:
    file = old.ann.get(spec.name)
    return (
        file is not None
        and file.choice.kind == choices[spec.name].kind
        and all(part.is_whole(directory) for part in file.files)
    )


def _with_known_recall(file: AnnFile, old: AnnFile | None) -> AnnFile:
    """A file derived again without copies at hand finds what the one of its kind before found."""
    if old is None or file.choice.recall is not None or file.choice.kind != old.choice.kind:
        return file
    return dataclasses.replace(
        file, choice=dataclasses.replace(file.choice, recall=old.choice.recall)
    )


def _pinned(directory: Path, index: AnnIndex) -> AnnFile:
    return AnnFile(tuple(PinnedFile.of(directory, file) for file in index.files()), index.choice)


def _cluster(
    directory: Path,
    specs: Sequence[DescriptorSpec],
    tables: Tables,
    ann: dict[str, AnnFile],
    before: NDArray[np.int64],
    alone: NDArray[np.int64],
    missing: dict[str, NDArray[np.int64]],
) -> NDArray[np.int64]:
    pairs: list[NDArray[np.int64]] = []
    for spec in specs:
        if spec.name in MAX_DISTANCES and len(before) < len(tables):
            searcher = Searcher(ann[spec.name].index(directory, spec))
            excluded = np.union1d(alone, missing[spec.name])
            vectors = StoredVectors(tables, spec)
            pairs.append(near_pairs(searcher, vectors, len(before), excluded))
    return cluster(len(tables), before, pairs)


def with_removed(
    directory: Path, old: Manifest, refused: NDArray[np.bytes_], removed: NDArray[np.int64]
) -> Manifest:
    """The manifest of the same rows of which these are removed, put in place."""
    tables = Tables(directory, old.records_version, old.files_version)
    revision = old.revision + 1
    hidden = np.union1d(removed, np.array(old.canaries, np.int64))
    clusters = lists.read_list(directory, old, lists.CLUSTERS)
    arrays = {
        lists.REFUSED: refused,
        lists.REMOVED: removed,
        lists.NEAR_DUPLICATES: cluster_sizes(clusters, hidden),
    }
    pinned = {
        name: lists.write_list(directory, name, revision, array)
        for name, array in arrays.items()
        if len(array)
    }
    manifest = dataclasses.replace(
        old,
        revision=revision,
        records=old.rows - len(hidden),
        with_rights=old.rows - len(np.union1d(hidden, tables.missing("rights"))),
        lists={**{k: v for k, v in old.lists.items() if k not in arrays}, **pinned},
    )
    put_in_place(directory, manifest)
    return manifest
