"""Commits of a build, step by step: what was committed is never done again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from memguard.index.ingest.checkpoint import START, Checkpoint, SourceProgress
from memguard.index.record import Record
from memguard.index.store.tables import FileEntry, append_files, append_records

STEP_SECONDS = 20.0
"""A step is committed at least this often: what a killed build does twice."""

STEP_FILES = 4096
"""A step holds at most this many files, and a chunk more: it bounds the memory of a build."""


class Steps:
    """The records and files that wait for the next commit, and a thread that commits.

    Args:
        directory: the index.
        checkpoint: of the build.
        source: the name of its source.
    """

    def __init__(self, directory: Path, checkpoint: Checkpoint, source: str) -> None:
        self._directory, self._source = directory, source
        self._checkpoint = checkpoint
        self._records: list[Record] = []
        self._files: list[FileEntry] = []
        self._progress = checkpoint.sources.get(source, START)
        self._writer = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._committed_at = time.monotonic()

    def add(
        self,
        records: Sequence[Record],
        files: Sequence[FileEntry] = (),
        progress: SourceProgress | None = None,
    ) -> None:
        """Take in records and files; progress covers them and all before, where it is known."""
        self._records += records
        self._files += files
        self._progress = progress or self._progress

    def commit_if_due(self) -> None:
        """Commit where the step is full or old enough."""
        waited = time.monotonic() - self._committed_at
        if len(self._files) >= STEP_FILES or waited >= STEP_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Hand the step to the thread, once that has written the one before."""
        self._wait()
        step = (self._records, self._files, self._progress)
        self._writing = self._writer.submit(self._write, *step)
        self._records, self._files = [], []
        self._committed_at = time.monotonic()

    def close(self) -> None:
        """Wait for the thread; raises what stopped it."""
        try:
            self._wait()
        finally:
            self._writer.shutdown()

    def _wait(self) -> None:
        if self._writing:
            self._writing.result()

    def _write(
        self, records: Sequence[Record], files: Sequence[FileEntry], progress: SourceProgress
    ) -> None:
        """Records first: a file entry promises that its record is there. Then the checkpoint,
        which promises that the files are."""
        append_records(self._directory, self._checkpoint.descriptors, records)
        append_files(self._directory, files)
        self._checkpoint = self._checkpoint.advanced(self._source, progress)
        self._checkpoint.write(self._directory)
