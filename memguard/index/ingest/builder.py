"""The build: source -> worker processes -> descriptors -> Lance, committed step by step.

A killed build resumes with the same command. The manifest comes last: until then readers see the
old index, or none. Worker processes decode, this process describes, and a thread writes, all at
the same time.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.descriptors.weights import require_same
from memguard.errors import BuildError
from memguard.files import PARTIAL
from memguard.index.base import BuildSummary, Progress
from memguard.index.ingest.checkpoint import Checkpoint
from memguard.index.ingest.intake import Intake
from memguard.index.ingest.publish import publish
from memguard.index.ingest.reader import Readable, Unreadable
from memguard.index.ingest.workers import read_in_workers
from memguard.index.store.manifest import BUILDING, MANIFEST_NAME, Manifest
from memguard.index.store.tables import Tables
from memguard.index.store.write_lock import LOCK, write_lock
from memguard.sources.base import Embedded, Item, Source

FIRST_FILES = (LOCK, BUILDING + PARTIAL)
"""What a build may leave that was killed at once; other files are not memguard's."""

SHOWN_FILES = 5
"""Unreadable files that an error message names."""

ReadAhead = Callable[[Iterator[Item]], Iterable[Sequence[Readable | Unreadable]]]
"""Items to results in the same order, which others read meanwhile."""


def build(
    source: Source,
    output: str | os.PathLike[str],
    descriptors: Sequence[Descriptor],
    *,
    workers: int | None = None,
    memory: int | None = None,
    read_ahead: ReadAhead | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> BuildSummary:
    """Index the images of ``source`` in the directory ``output``, new or resumed or grown.

    Args:
        source: where the images come from.
        output: the index directory, conventionally named ``NAME.memguard``.
        descriptors: what to compute; the same as those of an index already there.
        workers: decoding processes; 0 decodes in this process; by default one per core.
        memory: bytes that searches of the index may occupy (:mod:`memguard.index.ann.planner`);
            None for no limit, or an old index's own.
        read_ahead: reads the images, in place of ``workers`` (:mod:`memguard.index.ingest.ray`).
        on_progress: called after every chunk of images.

    Raises:
        BuildError: no images, another build at work here, an index with other descriptors here, a
            full disk. What was committed stays, and the same command resumes.
        ConfigurationError: embeddings of another model than the index's.
        WeightsError: the index here was built with other weights.
    """
    started = time.monotonic()
    directory = Path(output)
    specs = [descriptor.spec for descriptor in descriptors]
    if isinstance(source, Embedded):
        source.require(specs)
    _require_index_or_nothing(directory)
    new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with write_lock(directory):
            old = Manifest.read(directory) if (directory / MANIFEST_NAME).exists() else None
            checkpoint = _begun(directory, specs, old)
            total = source.size()
            prepare = {descriptor.spec.name: descriptor.prepare for descriptor in descriptors}
            read = read_ahead or partial(read_in_workers, prepare=prepare, workers=workers)
            with Intake(directory, source, descriptors, checkpoint, old) as intake:
                for results in read(intake.unseen()):
                    intake.add(results)
                    on_progress(Progress(intake.done, total, intake.unreadable))
            manifest = old
            if intake.done:
                limit = old.memory if memory is None and old else memory
                manifest = publish(directory, specs, old, memory=limit, descriptors=descriptors)
            if manifest:
                (directory / BUILDING).unlink()
    except OSError as error:
        raise BuildError(
            f"the build of {directory} stopped: {error}. What was committed is kept: mend the "
            "cause and run the same command again, it resumes"
        ) from error
    unreadable = Tables(directory).unreadable()
    if not intake.done or not manifest:
        if new:
            shutil.rmtree(directory)
        raise _nothing_built(intake.done, unreadable)
    return BuildSummary(
        path=str(directory),
        records=manifest.records,
        added=intake.added,
        skipped=intake.skipped,
        duplicates=intake.duplicates,
        blocked=intake.blocked,
        unreadable=unreadable,
        seconds=time.monotonic() - started,
    )


def _require_index_or_nothing(directory: Path) -> None:
    """Raise an error where the output holds something that is not memguard's."""
    if directory.is_dir():
        names = {entry.name for entry in directory.iterdir()}
        if names.isdisjoint([BUILDING, MANIFEST_NAME]) and not names.issubset(FIRST_FILES):
            raise BuildError(
                f"{directory} is a folder with other things in it; choose another output"
            )
    elif directory.exists():
        raise BuildError(f"{directory} is a file; choose another output")


def _begun(directory: Path, specs: Sequence[DescriptorSpec], old: Manifest | None) -> Checkpoint:
    """The checkpoint to begin with, written; raises an error for an index of other descriptors."""
    last = Checkpoint.read(directory) or Checkpoint(old.descriptors if old else specs)
    names = [spec.name for spec in specs]
    recorded = [spec.name for spec in last.descriptors]
    if names != recorded:
        raise BuildError(
            f"{directory} holds the descriptors {', '.join(recorded)}; this build would compute "
            f"{', '.join(names)}. Use the same options, or another output"
        )
    for known, spec in zip(last.descriptors, specs, strict=True):
        require_same(known, spec)
    checkpoint = Checkpoint(specs, last.sources)
    checkpoint.write(directory)
    return checkpoint


def _nothing_built(files: int, unreadable: dict[str, str]) -> BuildError:
    if not files:
        return BuildError("the source holds no image files; nothing was built")
    shown = [f"{uri}: {reason}" for uri, reason in list(unreadable.items())[:SHOWN_FILES]]
    return BuildError(
        f"none of the {files} files is a readable image; nothing was built: " + "; ".join(shown)
    )
