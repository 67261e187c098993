"""The ANN indexes of a revision: extended where the kind stays, written anew otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.index.ann.planner import AnnChoice, plan
from memguard.index.ann.writer import extend, write
from memguard.index.ingest.recall_probe import simulate_copies
from memguard.index.ingest.revision import Revision
from memguard.index.store.manifest import AnnFile, Manifest


def write_ann_indexes(
    revision: Revision,
    grown_from: Manifest | None,
    memory: int | None,
    descriptors: Sequence[Descriptor],
    deleted: NDArray[np.int64],
) -> dict[str, AnnFile]:
    """Write the ANN index of each descriptor, or extend the one there is.

    Args:
        revision: what is published.
        grown_from: a manifest whose rows are the first ones of this revision, if any.
        memory: bytes that searches may occupy; None for no limit.
        descriptors: simulate the copies that inexact indexes are tuned on; may be empty.
        deleted: rows that are not copied.

    Returns:
        Descriptor name to files.
    """
    choices = plan(revision.specs, len(revision.tables), memory)
    extendable = {
        spec.name: grown_from.ann[spec.name]
        for spec in revision.specs
        if grown_from and _can_extend(revision, grown_from.ann.get(spec.name), choices[spec.name])
    }
    inexact = any(not choice.exact for name, choice in choices.items() if name not in extendable)
    probes = simulate_copies(descriptors, revision.tables, deleted) if inexact else {}
    written: dict[str, AnnFile] = {}
    for spec in revision.specs:
        if grown_from and spec.name in extendable:
            file = extendable[spec.name]
            written[spec.name] = _extended(revision, spec, file, grown_from.rows)
        else:
            index = revision.ann_index(spec, choices[spec.name])
            index = write(index, revision.vectors(spec), probes.get(spec.name))
            written[spec.name] = revision.pin(index)
    return written


def with_known_recall(file: AnnFile, old: AnnFile | None) -> AnnFile:
    """Keep the recall of an old index of the same kind, where it was not measured again."""
    if old is None or file.choice.recall is not None or file.choice.kind != old.choice.kind:
        return file
    choice = dataclasses.replace(file.choice, recall=old.choice.recall)
    return dataclasses.replace(file, choice=choice)


def _can_extend(revision: Revision, file: AnnFile | None, choice: AnnChoice) -> bool:
    return (
        file is not None
        and file.choice.kind == choice.kind
        and all(part.is_whole(revision.directory) for part in file.files)
    )


def _extended(revision: Revision, spec: DescriptorSpec, file: AnnFile, rows: int) -> AnnFile:
    """The files of an index of the first ``rows``, extended by the others."""
    if rows == len(revision.tables):
        return file
    path = revision.ann_index(spec, file.choice).path
    blocks = revision.vectors(spec).blocks(rows)
    return revision.pin(extend(file.index(revision.directory, spec), blocks, path))
