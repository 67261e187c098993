"""The lock that a writer of an index holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from memguard.errors import BuildError, IndexUnavailableError
from memguard.index.store.manifest import absent

LOCK = "build.lock"
DOCUMENT_LOCK = "documents.lock"

PATIENCE_SECONDS = 30.0
"""Wait for another's change of a document, which takes milliseconds."""


@contextlib.contextmanager
def write_lock(directory: Path) -> Iterator[None]:
    """Hold the write lock of an index.

    Raises:
        BuildError: another process holds it.
        IndexUnavailableError: there is no such directory.
    """
    if not directory.is_dir():
        raise IndexUnavailableError(absent(directory))
    lock = FileLock(directory / LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BuildError(f"another build is at work on {directory}; wait for it to end") from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def document_lock(directory: Path) -> Iterator[None]:
    """Hold the lock for a change of a document that depends on what it was; builds go on meanwhile.

    Raises:
        BuildError: another process does not let go of it.
    """
    try:
        with FileLock(directory / DOCUMENT_LOCK, timeout=PATIENCE_SECONDS):
            yield
    except Timeout:
        raise BuildError(f"another process changes {directory}; try again") from None
