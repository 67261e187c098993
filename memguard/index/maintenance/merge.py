"""Merging: one index of several, without computing a descriptor again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.weights import require_same
from memguard.errors import BuildError
from memguard.files import write_bytes
from memguard.index.ingest.builder import FIRST_FILES
from memguard.index.ingest.checkpoint import START, Checkpoint
from memguard.index.ingest.publish import publish
from memguard.index.store.digests import Digests, as_array, file_digest, id_digest, places
from memguard.index.store.documents import EXEMPTIONS
from memguard.index.store.exemptions import Exemptions
from memguard.index.store.manifest import BUILDING, MANIFEST_NAME, Manifest
from memguard.index.store.row_arrays import file_digests, read_blocked, record_digests
from memguard.index.store.tables import (
    FILES,
    FILES_SCHEMA,
    PLAIN,
    REASON_BLOCKED,
    RECORDS,
    Tables,
    append,
)
from memguard.index.store.write_lock import write_lock

STEP_ROWS = 4096
"""Records of a committed step."""


def merge(
    indexes: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    memory: int | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Manifest:
    """Make one index of several; of an image in two of them, the first record stays.

    An id that one of them blocks is blocked, and a reference that one of them exempts is exempt.
    A killed merge resumes with the same command.

    Args:
        indexes: index directories with the same descriptors and weights.
        output: the new index directory.
        memory: as for :func:`memguard.index.ingest.builder.build`.
        on_progress: called with records done and records in all.

    Raises:
        BuildError: other descriptors, something else in the output, a full disk.
        WeightsError: other weights.
        IndexUnavailableError: one of them is no index.
    """
    manifests = [(Path(index), Manifest.read(Path(index))) for index in indexes]
    specs = _common_specs(manifests)
    directory = Path(output)
    begun = Checkpoint(specs, {_name([path for path, _ in manifests]): START})
    _require_begun_or_nothing(directory, begun)
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with write_lock(directory):
            if not (directory / MANIFEST_NAME).exists():
                begun.write(directory)
                _merge(directory, manifests, specs, memory, on_progress)
            merged = Manifest.read(directory)
            (directory / BUILDING).unlink()
    except OSError as error:
        raise BuildError(
            f"the merge into {directory} stopped: {error}. What was committed is kept: mend the "
            "cause and run the same command again, it resumes"
        ) from error
    return merged


def _name(indexes: Sequence[Path]) -> str:
    """What the checkpoint calls the merge of these indexes, which no source is named."""
    return "\0".join(["merge", *(str(index.absolute()) for index in indexes)])


def _require_begun_or_nothing(directory: Path, begun: Checkpoint) -> None:
    """Raise an error where the output holds something else than the beginning of this merge."""
    if not directory.exists() or {path.name for path in directory.iterdir()} <= {*FIRST_FILES}:
        return
    last = Checkpoint.read(directory)
    if last is None or last.sources != begun.sources:
        raise BuildError(f"{directory} is there already; choose another output")


def _merge(
    directory: Path,
    manifests: Sequence[tuple[Path, Manifest]],
    specs: Sequence[DescriptorSpec],
    memory: int | None,
    on_progress: Callable[[int, int], None],
) -> None:
    """Write the tables, then all else; the manifest comes last, as it makes this an index."""
    blocked = np.unique(np.concatenate([read_blocked(*one) for one in manifests]))
    total, done = sum(manifest.rows for _, manifest in manifests), 0
    seen = Digests(record_digests(Tables(directory)))
    for source, manifest in manifests:
        tables = Tables(source, manifest.records_version, manifest.files_version)
        for batch in _steps(tables.scan([*PLAIN, *(spec.name for spec in specs)])):
            fresh = _fresh_records(batch, blocked, seen)
            if fresh.num_rows:
                append(directory / RECORDS, fresh)
            done += batch.num_rows
            on_progress(done, total)
    _merge_files(directory, manifests)
    _merge_exemptions(directory, [path for path, _ in manifests])
    if publish(directory, specs, None, memory=memory, blocked=blocked) is None:
        raise BuildError("every image of these indexes is blocked")


def _common_specs(manifests: Sequence[tuple[Path, Manifest]]) -> tuple[DescriptorSpec, ...]:
    (first, one), *others = manifests
    for path, manifest in others:
        names = [[spec.name for spec in each.descriptors] for each in (one, manifest)]
        if names[0] != names[1]:
            raise BuildError(
                f"{first} holds the descriptors {', '.join(names[0])}, and {path} holds "
                f"{', '.join(names[1])}; only indexes with the same ones can be merged"
            )
        for recorded, theirs in zip(one.descriptors, manifest.descriptors):
            require_same(recorded, theirs)
    return one.descriptors


def _steps(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    for batch in batches:
        for start in range(0, batch.num_rows, STEP_ROWS):
            yield pa.Table.from_batches([batch.slice(start, STEP_ROWS)])


def _fresh_records(batch: pa.Table, blocked: NDArray[np.bytes_], seen: Digests) -> pa.Table:
    digests = [id_digest(one) for one in batch.column("id").to_pylist()]
    excluded = places(as_array(digests), blocked)[1]
    chosen = []
    for digest, out in zip(digests, excluded):
        chosen.append(not out and digest not in seen)
        seen.add(digest)
    return batch.filter(pa.array(chosen))


def _merge_exemptions(directory: Path, sources: Sequence[Path]) -> None:
    """Write what any of them exempts and none of them has undone since."""
    stored = [path for source in sources if (path := source / EXEMPTIONS).exists()]
    each = [Exemptions.from_bytes(path.read_bytes(), str(path.parent)) for path in stored]
    if each:
        write_bytes(directory / EXEMPTIONS, Exemptions().merged(each).to_bytes())


def _merge_files(directory: Path, manifests: Sequence[tuple[Path, Manifest]]) -> None:
    """Append the entries of all files; of a file in two indexes, the later entry counts."""
    seen = Digests(file_digests(Tables(directory)))
    for source, manifest in manifests:
        tables = Tables(source, manifest.records_version, manifest.files_version)
        for batch in tables.scan_files(FILES_SCHEMA.names):
            rows = batch.to_pylist()
            chosen = []
            for row in rows:
                digest = file_digest(row["uri"], row["state"])
                chosen.append(digest not in seen and row["reason"] != REASON_BLOCKED)
                seen.add(digest)
            fresh = pa.Table.from_batches([batch]).filter(pa.array(chosen))
            if fresh.num_rows:
                append(directory / FILES, fresh)
