"""Readers hold a lease on the generation of an index that they opened, so that a compaction does
not take files away under them. The system ends the lease of a reader that dies.
"""

from __future__ import annotations

import os
import weakref
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows refuses to delete open files by itself
    fcntl = None  # type: ignore[assignment]


def lease_path(directory: Path, generation: int) -> Path:
    """The file that readers of a generation lock; compaction deletes it with that generation."""
    return directory / f"readers-{generation}.lock"


class Lease:
    """Held by a reader until it is garbage. A generation that is gone cannot be leased; its
    files will be found missing.
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
    """Whether somebody, in whatever process, still holds a lease on this :func:`lease_path`."""
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
