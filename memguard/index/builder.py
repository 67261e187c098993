"""The build: source -> worker processes -> descriptors -> Lance, committed step by step.

A step that was committed is never done again: a killed build resumes with the same command.
The manifest comes last, so that until then readers see the old index, or none.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import loky
from filelock import FileLock, Timeout

from memguard._version import __version__
from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.descriptors.weights import require_same, sha256
from memguard.errors import BuildError
from memguard.index import ann
from memguard.index.manifest import NAME as MANIFEST
from memguard.index.manifest import AnnFile, Manifest, specs_from_json
from memguard.index.reading import Readable, Unreadable, read
from memguard.index.store import (
    FileEntry,
    Record,
    Tables,
    append_files,
    append_records,
)
from memguard.sources.base import Item, Source
from memguard.writing import PARTIAL, write_json

BUILDING = "building.json"
"""The descriptors of a build that has not finished."""

LOCK = "build.lock"

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


@dataclass(frozen=True)
class Progress:
    """How far a build is: images done of those to do, and how many were unreadable."""

    done: int
    total: int
    unreadable: int


@dataclass(frozen=True)
class BuildSummary:
    """What a build did.

    Attributes:
        path: the index.
        records: distinct images in the index now.
        added: records that this build added.
        skipped: files that an earlier build or step had already seen.
        duplicates: files of this build whose bytes were already known.
        unreadable: every unreadable file of the index, with the reason.
        seconds: wall-clock time of this build.
    """

    path: str
    records: int
    added: int
    skipped: int
    duplicates: int
    unreadable: dict[str, str]
    seconds: float


def build(
    source: Source,
    output: str | os.PathLike[str],
    descriptors: Sequence[Descriptor],
    *,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> BuildSummary:
    """Index the images of ``source`` in the directory ``output``, new or resumed or grown.

    Args:
        source: where the images come from.
        output: the index directory, conventionally named ``NAME.memguard``.
        descriptors: what to compute; must equal those of an index already there.
        workers: decoding processes; 0 decodes in this process; by default one per core.
        on_progress: called after every chunk of images.

    Raises:
        BuildError: nothing to build from, another build at work here, an index with other
            descriptors here, a full disk. What was committed stays, and the same command resumes.
        WeightsError: the index here was built with other weights.
    """
    started = time.monotonic()
    directory = Path(output)
    if not len(source):
        raise BuildError("the source holds no image files; nothing was built")
    _refuse_other_things(directory)
    new = not directory.exists()
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(directory / LOCK, timeout=0):
            _claim(directory, [descriptor.spec for descriptor in descriptors])
            run = _Run(directory, descriptors)
            for results in _read_all(run.unseen(source), run.prepare, workers):
                run.take_in(results)
                on_progress(Progress(run.done, len(source), run.unreadable))
            run.commit()
            manifest = _finish(directory, descriptors)
    except Timeout:
        raise BuildError(f"another build is at work on {directory}; wait for it to end") from None
    except OSError as error:
        raise BuildError(
            f"the build of {directory} stopped: {error}. What was committed is kept: mend the "
            "cause and run the same command again, it resumes"
        ) from error
    unreadable = Tables(directory).unreadable()
    if not manifest:
        if new:
            shutil.rmtree(directory)
        raise BuildError(
            f"none of the {len(source)} files is a readable image; nothing was built: "
            + "; ".join(f"{uri}: {reason}" for uri, reason in list(unreadable.items())[:5])
        )
    return BuildSummary(
        path=str(directory),
        records=manifest.records,
        added=run.added,
        skipped=run.skipped,
        duplicates=run.duplicates,
        unreadable=unreadable,
        seconds=time.monotonic() - started,
    )


class _Run:
    """One build at work: what is known already, what waits for the next commit, and counts."""

    def __init__(self, directory: Path, descriptors: Sequence[Descriptor]) -> None:
        self.directory = directory
        self.descriptors = descriptors
        self.prepare = {descriptor.spec.name: descriptor.prepare for descriptor in descriptors}
        tables = Tables(directory)
        self._ids = set(tables.ids())
        self._states = {entry.uri: entry.state for entry in tables.files()}
        self._records: list[Record] = []
        self._files: list[FileEntry] = []
        self._committed_at = time.monotonic()
        self.added = self.skipped = self.duplicates = self.unreadable = 0

    @property
    def done(self) -> int:
        return self.added + self.skipped + self.duplicates + self.unreadable

    def unseen(self, source: Iterable[Item]) -> Iterator[Item]:
        """The items that no earlier step has seen in their present state."""
        for item in source:
            if self._states.get(item.uri) == item.state:
                self.skipped += 1
            else:
                yield item

    def take_in(self, results: Sequence[Readable | Unreadable]) -> None:
        """Describe the new images among the results, and commit when a step is full."""
        fresh: list[Readable] = []
        for result in results:
            if isinstance(result, Unreadable):
                self._note(result.item, reason=result.reason)
                self.unreadable += 1
                continue
            self._note(result.item, id=result.id)
            if result.id in self._ids:
                self.duplicates += 1
            else:
                self._ids.add(result.id)
                fresh.append(result)
        self._describe(fresh)
        waited = time.monotonic() - self._committed_at
        if len(self._files) >= STEP_IMAGES or waited >= STEP_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Records first: a file entry promises that its record is there."""
        specs = [descriptor.spec for descriptor in self.descriptors]
        append_records(self.directory, specs, self._records)
        append_files(self.directory, self._files)
        self._records, self._files = [], []
        self._committed_at = time.monotonic()

    def _note(self, item: Item, *, id: str | None = None, reason: str | None = None) -> None:
        self._files.append(FileEntry(item.uri, item.state, id, reason))

    def _describe(self, images: Sequence[Readable]) -> None:
        if not images:
            return
        matrices = {
            descriptor.spec.name: descriptor.describe(
                [image.prepared[descriptor.spec.name] for image in images]
            )
            for descriptor in self.descriptors
        }
        self._records += [
            Record(
                id=image.id,
                uri=image.item.uri,
                width=image.width,
                height=image.height,
                caption=image.item.caption,
                thumbnail=image.thumbnail,
                features=image.features,
                rows={name: matrix[i] for name, matrix in matrices.items()},
            )
            for i, image in enumerate(images)
        ]
        self.added += len(images)


def _refuse_other_things(directory: Path) -> None:
    if directory.is_dir():
        names = {entry.name for entry in directory.iterdir()}
        if names.isdisjoint([BUILDING, MANIFEST]) and not names.issubset(FIRST_FILES):
            raise BuildError(
                f"{directory} is a folder with other things in it; choose another output"
            )
    elif directory.exists():
        raise BuildError(f"{directory} is a file; choose another output")


def _claim(directory: Path, specs: Sequence[DescriptorSpec]) -> None:
    """Mark the directory as being built with these descriptors, or refuse."""
    recorded = _recorded(directory)
    if recorded is not None:
        by_name = {spec.name: spec for spec in specs}
        if list(by_name) != [spec.name for spec in recorded]:
            raise BuildError(
                f"{directory} holds the descriptors {', '.join(spec.name for spec in recorded)}; "
                f"this build would compute {', '.join(by_name)}. Use the same options, or another "
                "output"
            )
        for spec in recorded:
            require_same(spec, by_name[spec.name])
    write_json(directory / BUILDING, [dataclasses.asdict(spec) for spec in specs])


def _recorded(directory: Path) -> Sequence[DescriptorSpec] | None:
    if (directory / BUILDING).exists():
        return specs_from_json(json.loads((directory / BUILDING).read_bytes()))
    if (directory / MANIFEST).exists():
        return Manifest.read(directory).descriptors
    return None


def _read_all(
    items: Iterator[Item], prepare: dict[str, Any], workers: int | None
) -> Iterator[list[Readable | Unreadable]]:
    """Chunks of results in the order of the items, read in worker processes."""
    chunks = iter(lambda: list(itertools.islice(items, CHUNK)), [])
    count = min(os.cpu_count() or 1, MOST_WORKERS) if workers is None else workers
    if count == 0:
        yield from (read(chunk, prepare) for chunk in chunks)
        return
    pool = loky.ProcessPoolExecutor(max_workers=count)
    waiting: deque[Future[list[Readable | Unreadable]]] = deque()
    try:
        for chunk in chunks:
            waiting.append(pool.submit(read, chunk, prepare))
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


def _finish(directory: Path, descriptors: Sequence[Descriptor]) -> Manifest | None:
    """Derive the FAISS files and put the manifest in place; None where there is no record."""
    tables = Tables(directory)
    if not len(tables):
        return None
    records_version, files_version = tables.versions
    (directory / "ann").mkdir(exist_ok=True)
    files: dict[str, AnnFile] = {}
    for descriptor in descriptors:
        spec = descriptor.spec
        path = directory / "ann" / f"{spec.name}-{records_version}.faiss"
        partial = path.with_name(path.name + PARTIAL)
        ann.write(spec, tables.column(spec), partial)
        os.replace(partial, path)
        files[spec.name] = AnnFile(
            str(path.relative_to(directory)), path.stat().st_size, sha256(path)
        )
    manifest = Manifest(
        descriptors=tuple(descriptor.spec for descriptor in descriptors),
        records_version=records_version,
        files_version=files_version,
        records=len(tables),
        unreadable=len(tables.unreadable()),
        ann=files,
        written_by=__version__,
    )
    manifest.write(directory)
    (directory / BUILDING).unlink(missing_ok=True)
    current = {directory / file.path for file in files.values()}
    for stale in set((directory / "ann").iterdir()) - current:
        stale.unlink()
    return manifest
