"""The files of a log: ``PATH``, which is appended to, ``PATH.000001`` and so on, which are full."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from memguard.errors import AuditLogError

LOCK_SECONDS = 10.0
"""How long a writer waits for others; an append takes milliseconds."""

POLL_SECONDS = 0.002
"""How often it asks."""

PRIVATE = 0o600
"""Mode of the files: lines name training images."""


@dataclass(frozen=True)
class LogFiles:
    """Where a log lies.

    Attributes:
        path: the file that is appended to.
    """

    path: Path

    @property
    def head(self) -> Path:
        """The file with the :class:`memguard.audit_log.head.Head`."""
        return self.path.with_name(f"{self.path.name}.head")

    @property
    def lock_file(self) -> Path:
        """The file that is locked; it stays."""
        return self.path.with_name(f"{self.path.name}.lock")

    def full(self, number: int) -> Path:
        """The name of a file once it is full."""
        return self.path.with_name(f"{self.path.name}.{number:06d}")

    def all(self) -> list[Path]:
        """The files that there are, the oldest first."""
        name = self.path.name
        full = [
            path
            for path in self.path.parent.glob(f"{_literal(name)}.*")
            if path.name[len(name) + 1 :].isdigit()
        ]
        full.sort(key=lambda path: int(path.name[len(name) + 1 :]))
        return [*full, *([self.path] if self.path.exists() else [])]

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the log's lock: ``flock`` on a descriptor of this call alone, so that threads,
        processes and children of a fork exclude each other, and a killed process lets go.

        Raises:
            AuditLogError: others have held it for :data:`LOCK_SECONDS`.
            OSError: the file cannot be made.
        """
        lock = FileLock(self.lock_file)
        try:
            lock.acquire(timeout=LOCK_SECONDS, poll_interval=POLL_SECONDS)
        except Timeout:
            raise AuditLogError(
                f"the audit log {self.path} has been locked for {LOCK_SECONDS:g} s; look for a "
                "process that is stopped, or for a disk that does not answer"
            ) from None
        try:
            yield
        finally:
            lock.release()


def append(path: Path, data: bytes, *, fsync: bool) -> None:
    """Append all of the data to a file.

    Raises:
        OSError: not all of it was written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, PRIVATE)
    try:
        while data:  # a write that stops short says why when it goes on
            data = data[os.write(descriptor, data) :]
        if fsync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _literal(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
