"""Verification: which lines of a log were changed, removed or added.

Every line fits its own seal, names the seal of the line before it, and the last one is the one that
the head names. Whoever can write the log and knows how it is made can also seal it again from some
line on, head included, unless it has a secret key. That shows only to those who have kept the
number and seal of a later line elsewhere (``anchor``).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

from memguard.audit_log.chain import START, Link, opened, seal_in
from memguard.audit_log.head import Head
from memguard.audit_log.log_files import LogFiles
from memguard.errors import AuditLogError, ConfigurationError

Kind = Literal["changed", "removed", "added", "head", "anchor"]


@dataclass(frozen=True)
class Finding:
    """What is not as it was written.

    Attributes:
        kind: what was done; ``head``: the head is missing or damaged; ``anchor``: the log is not
            the one whose line was kept elsewhere.
        where: the file's name, and the line in it from 1 where there is one.
        text: one sentence.
    """

    kind: Kind
    where: str
    text: str


@dataclass
class Verification:
    """The result.

    Attributes:
        files, lines: how many were read.
        last: the last line; worth keeping elsewhere.
        findings: what is wrong; empty for a whole log.
        notes: what is no proof of anything, such as a write that is not finished.
    """

    files: int = 0
    lines: int = 0
    last: Link = START
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(
    path: Path, *, key: bytes | None = None, anchor: Link | None = None, pruned: bool = False
) -> Verification:
    """Verify a log, also while it is written.

    Args:
        path: the file that is appended to.
        key: the secret that the log began with.
        anchor: a line's number and seal, kept elsewhere.
        pruned: old files were deleted on purpose: the log may begin with a later line.

    Raises:
        ConfigurationError: there is no log.
        AuditLogError: a file cannot be read.
    """
    files = LogFiles(path)
    if not files.all() and not files.head.exists():
        raise ConfigurationError(f"there is no audit log at {path}")
    try:
        with _snapshot(files, key) as snapshot:
            walk = _Walk(key, anchor, START if not pruned else None)
            for part in snapshot.parts:
                walk.read(part)
            walk.end(snapshot, files.head.name)
    except OSError as error:
        raise AuditLogError(f"the audit log {path} cannot be read: {error}") from error
    return walk.found


def parse_anchor(text: str) -> Link:
    """``NUMBER:SEAL``, as ``memguard log verify`` prints it.

    Raises:
        ConfigurationError: it is something else.
    """
    number, _, seal = text.partition(":")
    if not number.isdigit() or len(seal) != len(START.seal):
        raise ConfigurationError(f"an anchor is NUMBER:SEAL, as verify prints it, not {text!r}")
    return Link(int(number), seal)


@dataclass(frozen=True)
class _Part:
    """A file, open, up to the size that it had while the lock was held."""

    name: str
    file: BinaryIO
    size: int

    def lines(self) -> Iterator[bytes]:
        left = self.size
        while left and (line := self.file.readline(left)):
            left -= len(line)
            yield line


@dataclass(frozen=True)
class _Snapshot:
    """A log at one moment.

    Attributes:
        parts: its files, the oldest first; without a write that was not finished.
        end: the last line by the head; None where the head says nothing.
        problem: what is wrong with the head; empty for nothing.
        note: what a killed process left.
    """

    parts: list[_Part]
    end: Link | None
    problem: str
    note: str


@contextlib.contextmanager
def _snapshot(files: LogFiles, key: bytes | None) -> Iterator[_Snapshot]:
    """The log as it is between two writes."""
    with contextlib.ExitStack() as stack:
        with contextlib.ExitStack() as locked:
            if os.access(files.lock_file, os.W_OK):  # a copy that is only read needs no lock
                locked.enter_context(files.lock())
            parts = [
                _Part(path.name, stack.enter_context(path.open("rb")), path.stat().st_size)
                for path in files.all()
            ]
            try:
                head, problem = Head.read(files.head, key), ""
            except ValueError:
                head, problem = None, "it is damaged, or was sealed with another key"
        if head is None:
            yield _Snapshot(parts, None, problem or "it is missing", "")
            return
        yield _with_head(parts, head, files.path.name)


def _with_head(parts: list[_Part], head: Head, active: str) -> _Snapshot:
    """The snapshot with what the head says of its end."""
    note, end = "", head.end
    here = parts[-1] if parts and parts[-1].name == active else None
    if head.pending is not None:
        size = here.size if here else 0
        if size == head.pending.bytes:
            end = head.pending
        elif here is not None and end.bytes < size < head.pending.bytes:
            parts[-1] = replace(here, size=end.bytes)
            note = "a process was killed while it wrote; the next write takes its piece away"
        elif size == end.bytes:
            note = (
                f"lines up to {head.pending.link.number} were about to be written and are not "
                "there: the process was killed, or they were removed at once"
            )
    return _Snapshot(parts, end.link, "", note)


class _Walk:
    """Reads line after line, and notes what does not fit.

    Args:
        key: of the seals.
        anchor: see :func:`verify`.
        last: the link before the first line; None accepts any.
    """

    def __init__(self, key: bytes | None, anchor: Link | None, last: Link | None) -> None:
        self.found = Verification()
        self._key = key
        self._anchor = anchor
        self._last = last
        self._anchored = anchor is None

    def read(self, part: _Part) -> None:
        """Verify the lines of a file."""
        self.found.files += 1
        for at, line in enumerate(part.lines(), 1):
            self.found.lines += 1
            self._line(line, f"{part.name}:{at}")

    def end(self, snapshot: _Snapshot, head: str) -> None:
        """Compare the last line with the head, and the anchor with what was read."""
        self.found.last = last = self._last or START
        if snapshot.note:
            self.found.notes.append(snapshot.note)
        if snapshot.end is None:
            text = f"{snapshot.problem}, so that lines missing at the end cannot be noticed"
            self._report("head", head, text)
        elif last.number < snapshot.end.number:
            missing = _range(last.number + 1, snapshot.end.number)
            self._report("removed", head, f"{missing} at the end of the log")
        elif last.number > snapshot.end.number:
            added = _range(snapshot.end.number + 1, last.number)
            self._report("added", head, f"{added} after the last line that the head names")
        elif last.seal and last.seal != snapshot.end.seal:
            self._report("changed", head, "the last line is not the one that the head names")
        if self._anchor is not None and not self._anchored:
            text = f"line {self._anchor.number} with the seal that was kept is not in this log"
            self._report("anchor", head, text)

    def _line(self, line: bytes, where: str) -> None:
        text = line.rstrip(b"\n")
        try:
            values = opened(text, self._key)
            number, previous = int(values["number"]), str(values["previous"])
        except (ValueError, KeyError, TypeError):
            expected = (self._last or START).number + 1
            self._report("changed", where, f"line {expected} does not fit its seal")
            self._last = Link(expected, seal_in(text))
            return
        if not line.endswith(b"\n"):
            self._report("changed", where, f"line {number} has lost its end")
        if self._last is not None:
            self._follows(number, previous, self._last, where)
        self._last = Link(number, seal_in(text))
        self._anchored = self._anchored or self._last == self._anchor

    def _follows(self, number: int, previous: str, last: Link, where: str) -> None:
        if number > last.number + 1:
            missing = _range(last.number + 1, number - 1)
            self._report("removed", where, f"{missing} before this one")
        elif number <= last.number:
            text = f"line {number} stands here after line {last.number}"
            self._report("added", where, f"{text}: one of them was added, or lines were moved")
        elif last.seal and previous != last.seal:
            text = f"line {number} follows another line {last.number} than the one before it"
            self._report("changed", where, f"{text}, which was written anew")

    def _report(self, kind: Kind, where: str, text: str) -> None:
        self.found.findings.append(Finding(kind, where, text))


def _range(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"
