"""Files that FAISS and NumPy map into memory, watched for changes.

To read a page of a mapped file that somebody has truncated away kills the process (SIGBUS), and no
handler can turn that into an error. So the files are kept open, and whoever is about to read them
first asks whether they have changed. A file that is replaced (renamed over) or deleted does not
change: the old one lives on for whoever has it open.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from collections.abc import Iterable
from pathlib import Path

from memguard.errors import IndexUnavailableError


class MappedFiles:
    """Files of one revision of an index, which nobody may write to.

    Args:
        paths: the files, before they are mapped.

    Raises:
        OSError: one cannot be opened.
    """

    def __init__(self, paths: Iterable[Path]) -> None:
        with contextlib.ExitStack() as opened:
            self._files: list[tuple[Path, int, tuple[int, int]]] = []
            for path in paths:
                handle = os.open(path, os.O_RDONLY)
                opened.callback(os.close, handle)
                self._files.append((path, handle, _state(handle)))
            weakref.finalize(self, opened.pop_all().close)

    def require_unchanged(self) -> None:
        """Refuse to go on where a file was written to or truncated; a microsecond for each.

        What happens between this and the read that follows, it cannot see.

        Raises:
            IndexUnavailableError: a file has changed.
        """
        for path, handle, state in self._files:
            if _state(handle) != state:
                raise IndexUnavailableError(
                    f"{path} was changed in place while the index was open; never write into the "
                    "files of an index that is in use: put another directory in its place"
                )


def _state(handle: int) -> tuple[int, int]:
    status = os.fstat(handle)
    return status.st_size, status.st_mtime_ns
