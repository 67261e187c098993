"""Reading: each filter, and what is no log."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from memguard import AuditLog, AuditLogError, ConfigurationError
from memguard.audit_log.reader import Wanted, parse_time, read

UTC = datetime.timezone.utc


def entry(n: int, **values: Any) -> dict[str, Any]:
    return {
        "n": n,
        "time": f"2026-11-2{n}T12:00:00.000Z",
        "label": "clear",
        "action": "shown",
        "would": None,
        "request": "a",
        "image_sha256": "0" * 64,
        "matches": [],
        **values,
    }


@pytest.fixture
def path(tmp_path: Path) -> Path:
    log = AuditLog(tmp_path / "log", rotate_bytes=1)
    log.append([entry(1, label="memorized", would="blocked")])
    log.append([entry(2, action="blocked", image_sha256="1" * 64)])
    log.append([entry(3, request="b", matches=[{"id": "x", "uri": "s3://x.png"}])])
    return tmp_path / "log"


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [1, 2, 3]),
        ({"label": "memorized"}, [1]),
        ({"action": "shown"}, [1, 3]),
        ({"would": "blocked"}, [1]),
        ({"request": "b"}, [3]),
        ({"image": "1" * 64}, [2]),
        ({"reference": "x"}, [3]),
        ({"reference": "s3://x.png"}, [3]),
        ({"since": datetime.datetime(2026, 11, 22, 12, tzinfo=UTC)}, [2, 3]),
        ({"until": datetime.datetime(2026, 11, 22, 12, tzinfo=UTC)}, [1]),
        ({"action": "shown", "label": "clear"}, [3]),
    ],
)
def test_the_lines_that_are_asked_for(path: Path, wanted: Any, found: list[int]) -> None:
    assert [line["n"] for line in read(path, Wanted(**wanted))] == found


def test_a_line_that_is_being_written_is_not_read(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b'{"number":4,')
    assert [line["n"] for line in read(path, Wanted())] == [1, 2, 3]


def test_what_is_no_log(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no audit log at"):
        list(read(tmp_path / "gone", Wanted()))
    path.write_bytes(path.read_bytes() + b"hello\n")
    with pytest.raises(AuditLogError, match=r"log:2 is no line of an audit log .*log verify"):
        list(read(path, Wanted()))


@pytest.mark.parametrize(
    ("text", "end", "moment"),
    [
        ("2026-11-25", False, datetime.datetime(2026, 11, 25, tzinfo=UTC)),
        ("2026-11-25", True, datetime.datetime(2026, 11, 26, tzinfo=UTC)),
        ("2026-11-25T14:00", True, datetime.datetime(2026, 11, 25, 14, tzinfo=UTC)),
        ("2026-11-25T14:00+02:00", False, datetime.datetime(2026, 11, 25, 12, tzinfo=UTC)),
        ("2026-11-25T14:00:00Z", False, datetime.datetime(2026, 11, 25, 14, tzinfo=UTC)),
    ],
)
def test_times(text: str, end: bool, moment: datetime.datetime) -> None:
    assert parse_time(text, end=end) == moment


def test_times_ago() -> None:
    for text, seconds in (("30m", 1800), ("12h", 43_200), ("7d", 604_800)):
        ago = datetime.datetime.now(UTC) - parse_time(text)
        assert abs(ago.total_seconds() - seconds) < 5


@pytest.mark.parametrize("text", ["", "yesterday", "25.11.2026", "7w", "9999999d"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no time: write 2026-11-25"):
        parse_time(text)
