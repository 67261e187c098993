"""Tampering of each kind is found, and named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard import AuditLog, ConfigurationError
from memguard.audit_log.chain import Link, chained, opened, seal_in, sealed
from memguard.audit_log.head import Head
from memguard.audit_log.log_files import LogFiles
from memguard.audit_log.verify import parse_anchor, verify

KEY = b"a secret"


def written(path: Path, key: bytes | None = None) -> list[bytes]:
    """A log of six lines, and the lines."""
    log = AuditLog(path, key=key)
    for number in range(6):
        log.append([{"label": "memorized", "n": number}])
    return path.read_bytes().splitlines(keepends=True)


def kinds(path: Path, **options: object) -> list[tuple[str, str]]:
    found = verify(path, **options)  # type: ignore[arg-type]
    return [(finding.kind, finding.where) for finding in found.findings]


def resealed(line: bytes) -> bytes:
    """The line with another label, and a seal that fits."""
    return sealed({**opened(line.rstrip(b"\n"), None), "label": "clear"}, None) + b"\n"


TAMPERINGS: dict[str, tuple[Callable[[list[bytes]], list[bytes]], list[tuple[str, str]]]] = {
    "a value": (
        lambda lines: [*lines[:2], lines[2].replace(b"memorized", b"clear"), *lines[3:]],
        [("changed", "log:3")],
    ),
    "a space": (
        lambda lines: [*lines[:2], lines[2].replace(b'"n":', b'"n": '), *lines[3:]],
        [("changed", "log:3")],
    ),
    "a value of the last line": (
        lambda lines: [*lines[:5], lines[5].replace(b"memorized", b"clear")],
        [("changed", "log:6")],
    ),
    "a value, with a new seal": (
        lambda lines: [*lines[:2], resealed(lines[2]), *lines[3:]],
        [("changed", "log:4")],
    ),
    "the last line, with a new seal": (
        lambda lines: [*lines[:5], resealed(lines[5])],
        [("changed", "log.head")],
    ),
    "the first line removed": (lambda lines: lines[1:], [("removed", "log:1")]),
    "a line removed": (lambda lines: [*lines[:2], *lines[3:]], [("removed", "log:3")]),
    "two lines removed": (lambda lines: [*lines[:2], *lines[4:]], [("removed", "log:3")]),
    "the last line removed": (lambda lines: lines[:5], [("removed", "log.head")]),
    "all lines removed": (lambda _: [], [("removed", "log.head")]),
    "half of the last line removed": (
        lambda lines: [*lines[:5], lines[5][:40]],
        [("changed", "log:6")],
    ),
    "the last newline removed": (
        lambda lines: [*lines[:5], lines[5][:-1]],
        [("changed", "log:6")],
    ),
    "a line twice": (lambda lines: [*lines[:3], *lines[2:]], [("added", "log:4")]),
    "a forged line between": (
        lambda lines: [*lines[:3], after(lines[2]), *lines[3:]],
        [("added", "log:5")],
    ),
    "a forged line at the end": (lambda lines: [*lines, after(lines[5])], [("added", "log.head")]),
    "text between": (
        lambda lines: [*lines[:3], b"hello\n", *lines[3:]],
        [("changed", "log:4"), ("added", "log:5")],
    ),
    "two lines exchanged": (
        lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]],
        [("removed", "log:3"), ("added", "log:4"), ("removed", "log:5")],
    ),
}


def after(line: bytes) -> bytes:
    """A forged line that follows this one."""
    number = opened(line.rstrip(b"\n"), None)["number"]
    link = Link(number, seal_in(line.rstrip(b"\n")))
    return chained([{"label": "clear", "n": 0}], link, None)[0]


@pytest.mark.parametrize("how", TAMPERINGS)
def test_tampering_is_found(tmp_path: Path, how: str) -> None:
    path = tmp_path / "log"
    lines = written(path)
    assert kinds(path) == []
    tamper, expected = TAMPERINGS[how]
    path.write_bytes(b"".join(tamper(lines)))
    assert kinds(path) == expected


def test_files_that_are_missing_are_found(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = AuditLog(path, rotate_bytes=1)
    for number in range(4):
        log.append([{"n": number}])
    first, second, third, last = LogFiles(path).all()
    second.rename(tmp_path / "aside")
    assert kinds(path) == [("removed", "log.000003:1")]
    (tmp_path / "aside").rename(second)
    third.unlink()
    last.unlink()
    assert kinds(path) == [("removed", "log.head")]
    first.unlink()
    assert kinds(path) == [("removed", "log.000002:1"), ("removed", "log.head")]


def test_old_files_may_be_deleted_on_purpose(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "log", rotate_bytes=1)
    for number in range(4):
        log.append([{"n": number}])
    LogFiles(tmp_path / "log").full(1).unlink()
    assert kinds(tmp_path / "log") == [("removed", "log.000002:1")]
    assert kinds(tmp_path / "log", pruned=True) == []
    LogFiles(tmp_path / "log").full(3).unlink()
    assert kinds(tmp_path / "log", pruned=True) == [("removed", "log:1")]


def test_a_head_that_is_missing_or_damaged_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log"
    written(path)
    head = LogFiles(path).head
    data = head.read_bytes()
    head.write_bytes(data.replace(b'"number":6', b'"number":5'))
    assert kinds(path) == [("head", "log.head")]
    head.unlink()
    assert kinds(path) == [("head", "log.head")]


def rewritten(path: Path, key: bytes | None) -> None:
    """Leave out line 4, and seal all that follows again, with the head: by somebody with a key."""
    lines = [opened(line, key) for line in path.read_bytes().splitlines()]
    entries = [
        {name: line[name] for name in ("label", "n")} for line in lines if line["number"] != 4
    ]
    path.unlink()
    LogFiles(path).head.unlink()
    for entry in entries:
        AuditLog(path, key=key).append([entry])


def test_a_log_that_was_written_anew_fits_itself_but_not_what_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    written(path)
    kept = verify(path).last
    AuditLog(path).append([{"label": "clear", "n": 6}])
    assert kinds(path, anchor=kept) == []
    rewritten(path, None)
    assert kinds(path) == [], "nothing in the log itself can show this"
    assert kinds(path, anchor=kept) == [("anchor", "log.head")]
    before = parse_anchor(f"3:{seal_in(path.read_bytes().splitlines()[2])}")
    assert kinds(path, anchor=before) == []


def test_nobody_can_seal_without_the_key(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = written(path, KEY)
    assert kinds(path, key=KEY) == []
    assert len(kinds(path)) == 7, "six lines and the head"
    forged = chained([{"label": "clear"}], Link(6, seal_in(lines[5].rstrip(b"\n"))), b"guessed")
    path.write_bytes(b"".join(lines) + forged[0])
    assert ("changed", "log:7") in kinds(path, key=KEY)


def test_an_older_head_with_an_older_log_fits(tmp_path: Path) -> None:
    """What no chain can find: both set back together. Only an anchor does."""
    path = tmp_path / "log"
    written(path)
    old, old_head = path.read_bytes(), LogFiles(path).head.read_bytes()
    AuditLog(path).append([{"label": "memorized", "n": 6}])
    kept = verify(path).last
    path.write_bytes(old)
    LogFiles(path).head.write_bytes(old_head)
    assert kinds(path) == []
    assert kinds(path, anchor=kept) == [("anchor", "log.head")]


def test_a_removal_under_a_pending_head_is_a_note(tmp_path: Path) -> None:
    path = tmp_path / "log"
    written(path)
    files = LogFiles(path)
    head = Head.read(files.head, None)
    assert head is not None
    coming = dataclasses.replace(head.end, bytes=9999, link=Link(7, "f" * 64))
    Head(head.end, pending=coming).write(files.head, None, fsync=False)
    found = verify(path)
    assert found.findings == []
    assert "lines up to 7 were about to be written" in found.notes[0]


def test_what_is_no_log(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no audit log at"):
        verify(tmp_path / "log")
    for text in ("", "7", "7:abc", f"x:{'0' * 64}"):
        with pytest.raises(ConfigurationError, match="an anchor is NUMBER:SEAL"):
            parse_anchor(text)
