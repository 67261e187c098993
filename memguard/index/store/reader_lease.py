"""Leases: a compaction deletes no files of a generation that somebody still reads.

A lease is a shared ``flock``, which the system ends when the reader dies. ``filelock`` has shared
locks too (``ReadWriteLock``), but they write to their file: a reader could not hold one on a
read-only mount.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows does not delete open files anyway
    fcntl = None  # type: ignore[assignment]


def lease_path(directory: Path, generation: int) -> Path:
    """The file that readers of a generation lock; compaction deletes it last."""
    return directory / f"readers-{generation}.lock"


class Lease:
    """A reader's lease, held until it is garbage collected.

    A generation that is gone gives none: its reader finds files missing and opens the next one.
    """

    def __init__(self, directory: Path, generation: int) -> None:
        try:
            handle = os.open(lease_path(directory, generation), os.O_RDONLY)
        except FileNotFoundError:
            return
        weakref.finalize(self, os.close, handle)
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_SH)


def is_read(path: Path) -> bool:
    """Whether any process holds a lease on this :func:`lease_path`."""
    if fcntl is None:
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
