"""The intake of a build: which items are new, and what becomes of those that were read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path

from memguard.descriptors.base import Descriptor
from memguard.index.ingest.checkpoint import START, Checkpoint, SourceProgress
from memguard.index.ingest.describe import describe
from memguard.index.ingest.reader import Readable, Unreadable
from memguard.index.ingest.steps import Steps
from memguard.index.store.canary import canary_ids, canary_records
from memguard.index.store.digests import Digests, file_digest, id_digest
from memguard.index.store.manifest import Manifest
from memguard.index.store.row_arrays import file_digests, read_blocked, record_digests
from memguard.index.store.tables import REASON_BLOCKED, FileEntry, Tables
from memguard.sources.base import RETRY, Item, Source


class Intake:
    """A source's way into an index: a context, at whose end everything is committed.

    Args:
        directory: the index.
        source: where the images come from.
        descriptors: what describes them.
        checkpoint: where the build resumes.
        old: the index's manifest, if there is one.

    Attributes:
        added: new records.
        skipped: files that an earlier build or step has seen.
        duplicates: files whose bytes the index has.
        blocked: files whose image is blocked.
        unreadable: files that hold no image.
    """

    def __init__(
        self,
        directory: Path,
        source: Source,
        descriptors: Sequence[Descriptor],
        checkpoint: Checkpoint,
        old: Manifest | None,
    ) -> None:
        self._source, self._descriptors = source, descriptors
        tables = Tables(directory)
        self._known_ids = Digests(record_digests(tables))
        self._known_files = Digests(file_digests(tables))
        self._blocked_ids = Digests(read_blocked(directory, old))
        self._progress = checkpoint.sources.get(source.name, START)
        self._numbers: deque[int] = deque()
        self._steps = Steps(directory, checkpoint, source.name)
        self.skipped = self._progress.items
        self.added = self.duplicates = self.blocked = self.unreadable = 0
        if id_digest(canary_ids()[0]) not in self._known_ids:
            self._steps.add(canary_records(descriptors))

    def __enter__(self) -> Intake:
        return self

    def __exit__(self, failure: object, *_: object) -> None:
        try:
            if failure is None and self.done:
                self._steps.commit()
        finally:
            self._steps.close()

    @property
    def done(self) -> int:
        """Files of the source so far."""
        return self.added + self.skipped + self.duplicates + self.blocked + self.unreadable

    def unseen(self) -> Iterator[Item]:
        """The items that no earlier step has seen in their present state."""
        number = self._progress.items
        for item in self._source.iterate(self._progress.position or None):
            number += not item.again
            if file_digest(item.uri, item.state) not in self._known_files:
                self._numbers.append(number)
                yield item
            elif not item.again:
                self.skipped += 1

    def add(self, results: Sequence[Readable | Unreadable]) -> None:
        """Describe the new images among results of :meth:`unseen`'s items, and note all files."""
        files: list[FileEntry] = []
        fresh: list[Readable] = []
        for result in results:
            number = self._numbers.popleft()
            files.append(self._noted(result, fresh))
        self.added += len(fresh)
        last = results[-1].item
        resumable = last.position and not last.again
        progress = SourceProgress(last.position, number) if resumable else None
        self._steps.add(describe(self._descriptors, fresh), files, progress)
        self._steps.commit_if_due()

    def _noted(self, result: Readable | Unreadable, fresh: list[Readable]) -> FileEntry:
        """A file's entry; a new image is appended to ``fresh``."""
        uri = result.item.uri
        if isinstance(result, Unreadable):
            self.unreadable += 1
            return FileEntry(uri, result.state, None, result.reason)
        digest = id_digest(result.id)
        if digest in self._blocked_ids:
            self.blocked += 1
            return FileEntry(uri, RETRY, None, REASON_BLOCKED)
        if digest in self._known_ids:
            self.duplicates += 1
        else:
            self._known_ids.add(digest)
            fresh.append(result)
        return FileEntry(uri, result.state, result.id, None)
