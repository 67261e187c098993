"""The head of a log: where it ends, so that a missing last line is noticed.

It is a file beside the log, written in place: its size never changes, so a full disk cannot tear
it. Before lines are appended, the head says where they will end (``pending``); afterwards, that
they are there. A process that is killed in between leaves a log that the next one can mend, and
that nobody takes for a forged one.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec

from memguard.audit_log.chain import START, Link, opened, sealed

HEAD_BYTES = 1024
"""Size of the file: less than a page, so that one write of it is whole even if the process is
killed."""


@dataclass(frozen=True)
class End:
    """Where a log ends.

    Attributes:
        file: number of the file that is appended to, from 1.
        bytes: its size.
        link: the last line.
    """

    file: int
    bytes: int
    link: Link


EMPTY = End(1, 0, START)
"""The end of a log without lines."""


@dataclass(frozen=True)
class Head:
    """Where a log ends, and where it ends once the lines that are being written are there."""

    end: End = EMPTY
    pending: End | None = None

    @classmethod
    def read(cls, path: Path, key: bytes | None) -> Head | None:
        """The head in this file; None where there is no file.

        Raises:
            ValueError: it is damaged, or was sealed with another key.
        """
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        values: Any = opened(data.rstrip(b" \n"), key)
        return msgspec.convert(values, cls)

    def write(self, path: Path, key: bytes | None, *, fsync: bool) -> None:
        """Replace the contents of the file, in place."""
        data = sealed(asdict(self), key).ljust(HEAD_BYTES - 1) + b"\n"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            if os.write(descriptor, data) != HEAD_BYTES:
                raise OSError(f"{path} was not written whole")
            if fsync:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
