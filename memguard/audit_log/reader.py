"""Reading a log: its lines in order, those that are asked for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec

from memguard.audit_log.log_files import LogFiles
from memguard.errors import AuditLogError, ConfigurationError

UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True)
class Wanted:
    """Which lines are asked for; None does not choose.

    Attributes:
        since, until: the times between which they were written, the second excluded.
        label, action, would, request, image: the field has this value (``image``: its hash).
        reference: the id or uri of one of the matches.
    """

    since: datetime | None = None
    until: datetime | None = None
    label: str | None = None
    action: str | None = None
    would: str | None = None
    request: str | None = None
    image: str | None = None
    reference: str | None = None

    def takes(self, line: Mapping[str, Any]) -> bool:
        """Whether this line is asked for."""
        if self.since or self.until:
            written = datetime.fromisoformat(str(line["time"]).replace("Z", "+00:00"))
            if (self.since and written < self.since) or (self.until and written >= self.until):
                return False
        asked = {
            "label": self.label,
            "action": self.action,
            "would": self.would,
            "request": self.request,
            "image_sha256": self.image,
        }
        if any(value is not None and line.get(name) != value for name, value in asked.items()):
            return False
        return self.reference is None or any(
            self.reference in (match["id"], match["uri"]) for match in line["matches"]
        )


def read(path: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The lines of a log that are asked for, the oldest first, without verifying them.

    Raises:
        ConfigurationError: there is no log.
        AuditLogError: a file cannot be read, or a line is no entry.
    """
    files = LogFiles(path).all()
    if not files:
        raise ConfigurationError(f"there is no audit log at {path}")
    for file in files:
        try:
            with file.open("rb") as opened:
                for at, text in enumerate(opened, 1):
                    if not text.endswith(b"\n"):
                        return  # it is being written
                    yield from _taken(text, wanted, f"{file.name}:{at}", path)
        except OSError as error:
            raise AuditLogError(f"{file} cannot be read: {error.strerror}") from error


def _taken(text: bytes, wanted: Wanted, where: str, path: Path) -> Iterator[dict[str, Any]]:
    try:
        line = msgspec.json.decode(text, type=dict[str, Any])
        if wanted.takes(line):
            yield line
    except (ValueError, KeyError, TypeError) as error:
        raise AuditLogError(
            f"{where} is no line of an audit log ({error}); run `memguard log verify {path}`"
        ) from error


def parse_time(text: str, *, end: bool = False) -> datetime:
    """A date or time in ISO 8601, UTC unless it says otherwise, or how long ago: ``7d``, ``12h``.

    Args:
        text: e.g. ``2026-11-25``, ``2026-11-25T14:00``, ``30m``.
        end: of a date, the end of the day.

    Raises:
        ConfigurationError: it is something else.
    """
    ago = re.fullmatch(r"(\d{1,6})([dhm])", text)
    if ago:
        return datetime.now(timezone.utc) - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is no time: write 2026-11-25, 2026-11-25T14:00, or 7d, 12h, 30m ago"
        ) from None
    if end and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        moment += timedelta(days=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
