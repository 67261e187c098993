"""Fingerprints compared once: a file that was whole and has not changed since is not read again.

What is known of an index lies in the user's cache (:func:`memguard.settings.cache_folder`), not in
the index, which may come from elsewhere or lie on a disk that cannot be written to.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memguard.files import read_checked, write_checked
from memguard.index.store.manifest import PinnedFile
from memguard.settings import cache_folder

log = logging.getLogger("memguard")

FOLDER = "fingerprints"
"""In the cache; one file for each index."""

WORTH_TELLING = 1 << 30
"""Bytes to read from which the log says so: some seconds."""


def changed_files(directory: Path, files: Sequence[PinnedFile]) -> list[PinnedFile]:
    """Those of an index's files that hold other bytes than were pinned.

    A file is read if its inode, size or times are not those of the last time that it was whole.

    Raises:
        OSError: one is missing or cannot be read.
    """
    remembered = _place(directory)
    known = _read(remembered)
    states = {file.path: _state(directory / file.path, file) for file in files}
    unread = [file for file in files if known.get(file.path) != states[file.path]]
    if sum(file.bytes for file in unread) > WORTH_TELLING:
        log.info(
            "comparing the fingerprints of %.1f GB of %s; they are remembered",
            sum(file.bytes for file in unread) / 1e9,
            directory,
        )
    changed = [file for file in unread if not file.is_whole(directory)]
    if unread and not changed:
        _remember(remembered, states)
    return changed


def _place(directory: Path) -> Path:
    name = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()[:32]
    return cache_folder() / FOLDER / f"{name}.json"


def _read(place: Path) -> dict[str, list[Any]]:
    try:
        known: dict[str, list[Any]] = read_checked(place.read_bytes())["files"]
    except (OSError, ValueError, KeyError):
        return {}
    return known


def _remember(place: Path, states: dict[str, list[Any]]) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        write_checked(place, {"files": states})
    except OSError as error:
        log.info("each opening compares all fingerprints: %s cannot be written: %s", place, error)


def _state(path: Path, file: PinnedFile) -> list[Any]:
    """What tells whether this is the same file, unchanged. Nobody but root sets back the time of
    the last change of an inode."""
    status = path.stat()
    return [
        file.sha256,
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    ]
