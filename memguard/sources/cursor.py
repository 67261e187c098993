"""Iteration over a source's files: their state, and where it resumes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

UNREADABLE = "unreadable"
"""The state of a file whose status cannot be read."""

CLOCK_SKEW_NS = 3600 * 10**9
"""How far the clock of a file server may be from this machine's: an hour."""


@dataclass(frozen=True)
class Position:
    """The place that an iteration over sorted files has reached.

    Attributes:
        since: when it first began, in nanoseconds since 1970.
        path: the current file.
        state: that file's state.
        done: how much of that file is done, in rows or bytes.
        again: whether the iteration had passed that file before; not part of ``str``.
    """

    since: int
    path: str
    state: str
    done: int = 0
    again: bool = False

    @classmethod
    def parse(cls, text: str | None) -> Position | None:
        """The inverse of ``str``; None for anything else."""
        try:
            return cls(*json.loads(text or ""))
        except (TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return json.dumps([self.since, self.path, self.state, self.done], ensure_ascii=False)

    def at(self, done: int) -> Position:
        """The position in the same file with this much done."""
        return replace(self, done=done)

    def covers(self, path: Path) -> bool:
        """Whether a file was done before this position, and has not changed since."""
        if str(path) == self.path:
            return file_state(path) == self.state
        return self.is_past(path) and not changed_after(path, self.since)

    def is_past(self, path: Path) -> bool:
        """Whether a file comes before this position, in the order of paths."""
        return path.parts < Path(self.path).parts


def now() -> int:
    """Nanoseconds since 1970, to begin an iteration with."""
    return time.time_ns()


def file_state(path: Path) -> str:
    """Size and modification time, or :data:`UNREADABLE`."""
    try:
        status = path.stat()
    except OSError:
        return UNREADABLE
    return f"{status.st_size}-{status.st_mtime_ns}"


def changed_after(path: Path, moment: int) -> bool:
    """Whether a file was written or moved here after the moment, or may have been."""
    try:
        status = path.stat()
    except OSError:
        return True
    return max(status.st_mtime_ns, status.st_ctime_ns) + CLOCK_SKEW_NS >= moment


def parts(paths: Iterable[Path], after: str | None) -> Iterator[tuple[Path, Position]]:
    """The files that an iteration must still read, each with the position to begin at.

    Args:
        paths: sorted files.
        after: the position it resumes from, if any.
    """
    resumed = Position.parse(after)
    since = resumed.since if resumed else now()
    for path in paths:
        state = file_state(path)
        if resumed and (str(path), state) == (resumed.path, resumed.state):
            yield path, resumed
        elif not (resumed and resumed.covers(path)):
            again = resumed is not None and resumed.is_past(path)
            yield path, Position(since, str(path), state, again=again)


def files_below(where: str | os.PathLike[str], suffixes: tuple[str, ...]) -> list[Path]:
    """A file, or all files below a folder with one of these suffixes, sorted and absolute."""
    path = Path(where).resolve()
    if not path.is_dir():
        return [path]
    found = (one for one in path.rglob("*") if one.name.lower().endswith(suffixes))
    return sorted(one for one in found if one.is_file())
