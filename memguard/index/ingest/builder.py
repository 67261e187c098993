"""The build: source -> worker processes -> descriptors -> Lance, committed step by step.

A step that was committed is never done again: a killed build resumes with the same command.
The manifest comes last, so that until then readers see the old index, or none. Worker processes
decode, this process describes, and a thread writes, all at the same time.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import loky

from memguard.descriptors.base import Descriptor, DescriptorSpec, Prepare
from memguard.descriptors.weights import require_same
from memguard.errors import BuildError
from memguard.files import PARTIAL
from memguard.index.base import BuildSummary, Progress
from memguard.index.ingest.checkpoint import Reached, Unfinished
from memguard.index.ingest.describe import described
from memguard.index.ingest.publish import publish
from memguard.index.ingest.reader import Readable, Unreadable, read
from memguard.index.record import Record
from memguard.index.store.canary import canary_ids, canary_records
from memguard.index.store.digests import Digests, file_digest, id_digest
from memguard.index.store.manifest import BUILDING, Manifest
from memguard.index.store.manifest import NAME as MANIFEST
from memguard.index.store.row_arrays import file_digests, read_digests, record_digests
from memguard.index.store.tables import (
    TAKEN_DOWN,
    FileEntry,
    Tables,
    append_files,
    append_records,
)
from memguard.index.store.write_lock import LOCK, at_work
from memguard.sources.base import RETRY, Item, Source

FIRST_FILES = (LOCK, BUILDING + PARTIAL)
"""What a build that was killed at once may have left; other files are somebody else's."""

CHUNK = 16
"""Images handed to a worker process at a time."""

CHUNKS_IN_FLIGHT = 4
"""Chunks per worker that may be waiting, so that memory stays bounded."""

STEP_SECONDS = 20.0
"""A step is committed at least this often: what a killed build does twice."""

STEP_IMAGES = 4096
"""A step holds at most this many images: what bounds the memory of a build."""

MOST_WORKERS = 16

ReadAhead = Callable[[Iterator[Item]], Iterable[Sequence[Readable | Unreadable]]]
"""Items to results in the same order, read by others meanwhile."""


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
        descriptors: what to compute; must equal those of an index already there.
        workers: decoding processes; 0 decodes in this process; by default one per core.
        memory: bytes that searches of the index may occupy (:mod:`memguard.index.ann.planner`);
            None for no limit, or an old index's own.
        read_ahead: who reads the images, in place of ``workers`` (``ingest.ray``).
        on_progress: called after every chunk of images.

    Raises:
        BuildError: nothing to build from, another build at work here, an index with other
            descriptors here, a full disk. What was committed stays, and the same command resumes.
        ConfigurationError: embeddings of another model than the index's.
        WeightsError: the index here was built with other weights.
    """
    started = time.monotonic()
    directory = Path(output)
    _require_descriptor(source, [descriptor.spec for descriptor in descriptors])
    _refuse_other_things(directory)
    new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with at_work(directory):
            old = Manifest.read(directory) if (directory / MANIFEST).exists() else None
            unfinished = _claim(directory, [descriptor.spec for descriptor in descriptors], old)
            total = source.size()
            prepare = {descriptor.spec.name: descriptor.prepare for descriptor in descriptors}
            locally = partial(read_all, prepare=prepare, workers=workers)
            with _Run(directory, descriptors, source, unfinished, old) as run:
                for results in (read_ahead or locally)(run.unseen()):
                    run.take_in(results)
                    on_progress(Progress(run.done, total, run.unreadable))
            manifest = old
            if run.done:
                manifest = publish(
                    directory,
                    unfinished.descriptors,
                    old,
                    memory=old.memory if memory is None and old else memory,
                    descriptors=descriptors,
                )
            if manifest:
                (directory / BUILDING).unlink()
    except OSError as error:
        raise BuildError(
            f"the build of {directory} stopped: {error}. What was committed is kept: mend the "
            "cause and run the same command again, it resumes"
        ) from error
    unreadable = Tables(directory).unreadable()
    if not run.done or not manifest:
        if new:
            shutil.rmtree(directory)
        if not run.done:
            raise BuildError("the source holds no image files; nothing was built")
        raise BuildError(
            f"none of the {run.done} files is a readable image; nothing was built: "
            + "; ".join(f"{uri}: {reason}" for uri, reason in list(unreadable.items())[:5])
        )
    return BuildSummary(
        path=str(directory),
        records=manifest.records,
        added=run.added,
        skipped=run.skipped,
        duplicates=run.duplicates,
        refused=run.refused,
        unreadable=unreadable,
        seconds=time.monotonic() - started,
    )


class _Run:
    """One build at work: what is known already, what waits for the next commit, and counts.

    A context in which images are taken in; at its end everything is committed.
    """

    def __init__(
        self,
        directory: Path,
        descriptors: Sequence[Descriptor],
        source: Source,
        unfinished: Unfinished,
        old: Manifest | None,
    ) -> None:
        self.directory = directory
        self.descriptors = descriptors
        self.source = source
        tables = Tables(directory)
        self._ids = Digests(record_digests(tables))
        self._refused = Digests(read_digests(directory, old))
        self._files_seen = Digests(file_digests(tables))
        self._unfinished = unfinished
        self._reached = unfinished.reached.get(source.name, Reached("", 0))
        self._given: deque[int] = deque()
        self._records: list[Record] = []
        self._files: list[FileEntry] = []
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._committed_at = time.monotonic()
        self.skipped = self._reached.items
        self.added = self.duplicates = self.refused = self.unreadable = 0
        if id_digest(canary_ids()[0]) not in self._ids:
            self._records += canary_records(descriptors)

    def __enter__(self) -> _Run:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        try:
            if failure is None and self.done:
                self._commit()
            if self._writing:
                self._writing.result()
        finally:
            self._writer.shutdown()

    @property
    def done(self) -> int:
        return self.added + self.skipped + self.duplicates + self.refused + self.unreadable

    def unseen(self) -> Iterator[Item]:
        """The items that no earlier step has seen in their present state."""
        number = self._reached.items
        for item in self.source.iterate(self._reached.position or None):
            number += not item.again
            if file_digest(item.uri, item.state) not in self._files_seen:
                self._given.append(number)
                yield item
            elif not item.again:
                self.skipped += 1

    def take_in(self, results: Sequence[Readable | Unreadable]) -> None:
        """Describe the new images among the results, and commit when a step is full."""
        fresh: list[Readable] = []
        for result in results:
            number = self._given.popleft()
            if isinstance(result, Unreadable):
                self._note(result, reason=result.reason)
                self.unreadable += 1
            elif (digest := id_digest(result.id)) in self._refused:
                refused = FileEntry(result.item.uri, RETRY, None, TAKEN_DOWN)
                self._files.append(refused)
                self.refused += 1
            elif digest in self._ids:
                self._note(result, id=result.id)
                self.duplicates += 1
            else:
                self._note(result, id=result.id)
                self._ids.add(digest)
                fresh.append(result)
        self._records += described(self.descriptors, fresh)
        self.added += len(fresh)
        last = results[-1].item
        if last.position and not last.again:
            self._reached = Reached(last.position, number)
        waited = time.monotonic() - self._committed_at
        if len(self._files) >= STEP_IMAGES or waited >= STEP_SECONDS:
            self._commit()

    def _commit(self) -> None:
        """Hand a step to the writing thread, once that has written the one before."""
        if self._writing:
            self._writing.result()
        step = (self._records, self._files, self._reached)
        self._writing = self._writer.submit(self._write, *step)
        self._records, self._files = [], []
        self._committed_at = time.monotonic()

    def _write(
        self, records: Sequence[Record], files: Sequence[FileEntry], reached: Reached
    ) -> None:
        """Records first: a file entry promises that its record is there; then the position, which
        promises that its files are."""
        append_records(self.directory, self._unfinished.descriptors, records)
        append_files(self.directory, files)
        self._unfinished.reached[self.source.name] = reached
        self._unfinished.write(self.directory)

    def _note(
        self, result: Readable | Unreadable, *, id: str | None = None, reason: str | None = None
    ) -> None:
        self._files.append(FileEntry(result.item.uri, result.state, id, reason))


def _require_descriptor(source: Source, specs: Sequence[DescriptorSpec]) -> None:
    """Refuse embeddings that an index with these descriptors cannot compare."""
    from memguard.sources.embeddings import Embeddings

    if isinstance(source, Embeddings):
        source.require(specs)


def _refuse_other_things(directory: Path) -> None:
    if directory.is_dir():
        names = {entry.name for entry in directory.iterdir()}
        if names.isdisjoint([BUILDING, MANIFEST]) and not names.issubset(FIRST_FILES):
            raise BuildError(
                f"{directory} is a folder with other things in it; choose another output"
            )
    elif directory.exists():
        raise BuildError(f"{directory} is a file; choose another output")


def _claim(directory: Path, specs: Sequence[DescriptorSpec], old: Manifest | None) -> Unfinished:
    """Mark the directory as being built with these descriptors, or refuse."""
    unfinished = Unfinished.read(directory) or Unfinished(old.descriptors if old else specs)
    recorded = unfinished.descriptors
    by_name = {spec.name: spec for spec in specs}
    if list(by_name) != [spec.name for spec in recorded]:
        raise BuildError(
            f"{directory} holds the descriptors {', '.join(spec.name for spec in recorded)}; "
            f"this build would compute {', '.join(by_name)}. Use the same options, or another "
            "output"
        )
    for spec in recorded:
        require_same(spec, by_name[spec.name])
    claimed = Unfinished(specs, unfinished.reached)
    claimed.write(directory)
    return claimed


def read_all(
    items: Iterator[Item], prepare: Mapping[str, Prepare], workers: int | None
) -> Iterator[list[Readable | Unreadable]]:
    """Chunks of results in the order of the items, read in worker processes.

    Vectors alone are taken as they are: to hand them to another process takes longer.
    """
    chunks = iter(lambda: list(itertools.islice(items, CHUNK)), [])
    count = min(os.cpu_count() or 1, MOST_WORKERS) if workers is None else workers
    if count == 0:
        yield from (read(chunk, prepare) for chunk in chunks)
        return
    pool = loky.ProcessPoolExecutor(max_workers=count)
    waiting: deque[Future[list[Readable | Unreadable]]] = deque()
    try:
        for chunk in chunks:
            if any(item.has_pixels for item in chunk):
                waiting.append(pool.submit(read, chunk, prepare))
            else:
                waiting.append(_at_once(read(chunk, prepare)))
            if len(waiting) >= count * CHUNKS_IN_FLIGHT:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except loky.BrokenProcessPool as error:
        raise BuildError(
            "a decoding process died (out of memory?). What was committed is kept: run the same "
            "command again, with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _at_once(results: list[Readable | Unreadable]) -> Future[list[Readable | Unreadable]]:
    there: Future[list[Readable | Unreadable]] = Future()
    there.set_result(results)
    return there
