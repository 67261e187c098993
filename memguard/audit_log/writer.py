"""Appending to a log: whole lines, from any number of threads and processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from memguard.audit_log.chain import chained
from memguard.audit_log.head import End, Head
from memguard.audit_log.log_files import LogFiles, append
from memguard.errors import AuditLogError, ConfigurationError

ROTATED_BYTES = 64 << 20
"""Size above which a file is full: some 30,000 images."""

NEW_LOG = "keep its files as they are, and give audit_log another path"


class AuditLog:
    """An append-only log of JSON lines, chained by seals; see ``docs/audit-log.md``.

    Args:
        path: the file that is appended to. Full files are renamed to ``PATH.000001`` and so on;
            ``PATH.head`` says where the log ends, ``PATH.lock`` is locked while lines are written.
        rotate_bytes: size from which a file is full. A file is larger only where one call alone
            needs more.
        fsync: wait until the lines of a call are on the disk. Without it, lines survive the
            process, but not a power cut.
        key: a secret; seals are then HMACs, which nobody can forge without it. A log keeps the key
            that it began with.

    Raises:
        AuditLogError: the log is not what its head says, or cannot be written.
        ConfigurationError: ``rotate_bytes`` is not positive, or the key is empty.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rotate_bytes: int = ROTATED_BYTES,
        fsync: bool = True,
        key: bytes | None = None,
    ) -> None:
        if rotate_bytes < 1:
            raise ConfigurationError(f"rotate_bytes must be at least 1, not {rotate_bytes}")
        if key == b"":
            raise ConfigurationError("the key of an audit log is empty; give a secret, or None")
        self.files = LogFiles(Path(path))
        self.rotate_bytes = rotate_bytes
        self.fsync = fsync
        self.key = key
        self.append([])  # a log that cannot be written is known now, not at the first image

    def __repr__(self) -> str:
        return f"AuditLog({str(self.files.path)!r})"

    def append(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Append a line for each entry, all of them or none.

        Raises:
            AuditLogError: nothing was appended; the message says why.
        """
        try:
            with self.files.lock():
                end = self._mended_end()
                if entries:
                    self._append(entries, end)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise AuditLogError(
                f"the audit log {self.files.path} cannot be written: {reason}"
            ) from error

    def _append(self, entries: Sequence[Mapping[str, Any]], end: End) -> None:
        data, link = chained(entries, end.link, self.key)
        if end.bytes and end.bytes + len(data) > self.rotate_bytes:
            end = self._rotated(end)
        after = End(end.file, end.bytes + len(data), link)
        self._write_head(Head(end, pending=after))
        try:
            append(self.files.path, data, fsync=self.fsync)
        except OSError:
            with contextlib.suppress(OSError):
                os.truncate(self.files.path, end.bytes)
                self._write_head(Head(end))
            raise
        with contextlib.suppress(OSError):  # the head already says where the log ends now
            Head(after).write(self.files.head, self.key, fsync=False)

    def _rotated(self, end: End) -> End:
        os.replace(self.files.path, self.files.full(end.file))
        end = End(end.file + 1, 0, end.link)
        self._write_head(Head(end))
        return end

    def _mended_end(self) -> End:
        """Where the log ends, after what a killed process left has been mended."""
        head = self._read_head()
        if not self.files.path.exists() and _size(self.files.full(head.end.file)) == head.end.bytes:
            head = Head(replace(head.end, file=head.end.file + 1, bytes=0))  # was being rotated
        size = _size(self.files.path) or 0
        if size == head.end.bytes:
            return head.end
        if head.pending is None or not head.end.bytes < size <= head.pending.bytes:
            raise AuditLogError(
                f"{self.files.path} has {size:,} bytes and not the {head.end.bytes:,} of its head "
                f"{self.files.head.name}: it was changed by something else. Run `memguard log "
                f"verify {self.files.path}`; {NEW_LOG}"
            )
        if size == head.pending.bytes:
            return head.pending
        os.truncate(self.files.path, head.end.bytes)
        return head.end

    def _read_head(self) -> Head:
        try:
            head = Head.read(self.files.head, self.key)
        except ValueError as error:
            raise AuditLogError(
                f"{self.files.head} is damaged, or the log was begun with another key; {NEW_LOG}"
            ) from error
        if head is not None:
            return head
        if self.files.all():
            raise AuditLogError(
                f"{self.files.path} is no audit log, or its head {self.files.head.name} was "
                f"removed; {NEW_LOG}"
            )
        self._write_head(Head())
        return Head()

    def _write_head(self, head: Head) -> None:
        head.write(self.files.head, self.key, fsync=self.fsync)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
