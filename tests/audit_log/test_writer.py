"""Appending: whole lines from many processes, rotation, kill -9, a full disk."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from fixtures import log_writers

from memguard import AuditLog, AuditLogError, ConfigurationError
from memguard.audit_log.log_files import LogFiles
from memguard.audit_log.verify import verify


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for file in LogFiles(path).all()
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def test_each_line_names_the_seal_of_the_line_before(path: Path) -> None:
    log = AuditLog(path)
    log.append([{"a": 1}, {"a": "ä"}])
    AuditLog(path).append([{"a": None}])
    lines = lines_of(path)
    assert [(line["number"], line["a"]) for line in lines] == [(1, 1), (2, "ä"), (3, None)]
    assert [line["previous"] for line in lines] == ["0" * 64, *(line["seal"] for line in lines[:2])]
    assert path.stat().st_mode & 0o077 == 0
    assert (verify(path).lines, verify(path).findings) == (3, [])


def test_files_are_rotated_and_the_chain_goes_on(path: Path) -> None:
    log = AuditLog(path, rotate_bytes=1000)
    for number in range(10):
        log.append([{"a": number, "b": "x" * 100}] * 3)
    files = LogFiles(path).all()
    assert len(files) == 10, "three lines of some 300 bytes fill a file"
    assert files[0].name == "audit.jsonl.000001"
    assert files[-1] == path
    assert [line["number"] for line in lines_of(path)] == list(range(1, 31))
    assert verify(path).findings == []


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_file_is_full_exactly_at_its_limit(path: Path, more: int) -> None:
    AuditLog(path).append([{"a": 1}])
    size = path.stat().st_size
    AuditLog(path, rotate_bytes=2 * size + more).append([{"a": 2}])
    assert len(LogFiles(path).all()) == (2 if more < 0 else 1)
    assert verify(path).findings == []


def test_a_call_larger_than_a_file_stays_in_one(path: Path) -> None:
    AuditLog(path, rotate_bytes=10).append([{"a": 1}] * 5)
    assert [file.name for file in LogFiles(path).all()] == ["audit.jsonl"]


def test_many_processes_write_whole_lines(path: Path) -> None:
    processes = [log_writers.start(path, str(n), 30, 2, 300_000) for n in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    lines = lines_of(path)
    assert len(LogFiles(path).all()) > 10
    assert [line["number"] for line in lines] == list(range(1, 241))
    for name in "0123":
        own = [(line["call"], line["at"]) for line in lines if line["who"] == name]
        assert own == [(call, at) for call in range(30) for at in range(2)]
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        assert (first["who"], first["call"]) == (second["who"], second["call"]), "a call is whole"
    assert verify(path).findings == []


def test_threads_and_children_of_a_fork_write_whole_lines(path: Path) -> None:
    log = AuditLog(path, fsync=False)

    def work(name: str) -> None:
        for _ in range(20):
            log.append([{"who": name}])

    context = multiprocessing.get_context("fork")
    children = [context.Process(target=work, args=(f"child {n}",)) for n in range(2)]
    for child in children:  # before the threads: a fork copies only its own thread
        child.start()
    threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for one in (*threads, *children):
        one.join(60)
    assert sorted(line["number"] for line in lines_of(path)) == list(range(1, 121))
    assert verify(path).findings == []


@pytest.mark.parametrize("seconds", [0.0, 0.002, 0.005, 0.01, 0.02])
def test_a_killed_process_leaves_no_half_line(path: Path, seconds: float) -> None:
    """It writes calls of 4 MB without end, and is killed at a moment of its own choosing."""
    process = log_writers.start(path, "killed", 10_000, 200)
    assert process.stdout is not None
    said = process.stdout.readline()
    threading.Event().wait(seconds)
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read()
    process.wait(60)
    found = verify(path)
    assert found.findings == []
    AuditLog(path).append([{"who": "next"}])
    lines = lines_of(path)
    assert lines[-1]["who"] == "next"
    assert verify(path).findings == []
    assert verify(path).notes == []
    reported = len(said.split())
    assert reported <= (len(lines) - 1) / 200 <= reported + 1, "what was reported is there"
    assert (len(lines) - 1) % 200 == 0, "a call is there as a whole or not at all"


def torn(path: Path, share: float) -> None:
    """The log as a process leaves it that is killed after this share of its bytes."""
    log = AuditLog(path)
    log.append([{"a": "before"}])
    size = path.stat().st_size
    process = os.fork()
    if process == 0:
        write_all = os.write

        def write(descriptor: int, data: bytes) -> int:
            if data.startswith(b'{"number":2'):
                write_all(descriptor, data[: int(len(data) * share)])
                os.kill(os.getpid(), signal.SIGKILL)
            return write_all(descriptor, data)

        os.write = write
        log.append([{"a": "torn"}] * 2)
        os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert (path.stat().st_size > size) == (share > 0)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.6, 0.99, 1.0])
def test_a_write_that_was_cut_off_is_mended(path: Path, share: float) -> None:
    torn(path, share)
    found = verify(path)
    assert found.findings == []
    assert found.lines == (3 if share == 1 else 1)
    assert len(found.notes) == (0 if share == 1 else 1)
    AuditLog(path).append([{"a": "after"}])
    kept = ["torn", "torn"] if share == 1 else []
    assert [line["a"] for line in lines_of(path)] == ["before", *kept, "after"]
    assert verify(path).findings == []


def test_a_rotation_that_was_cut_off_is_completed(path: Path) -> None:
    AuditLog(path).append([{"a": 1}])
    os.replace(path, LogFiles(path).full(1))  # and killed before the head was written
    assert verify(path).findings == []
    AuditLog(path).append([{"a": 2}])
    assert [line["number"] for line in lines_of(path)] == [1, 2]
    assert verify(path).findings == []


def test_a_full_disk_leaves_the_log_as_it_was(path: Path) -> None:
    process = log_writers.start(path, "full", 10, 1, 1 << 30, 50_000)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.split() == ["0", "1"], "the third line has no room"
    assert verify(path).findings == []
    assert verify(path).notes == []
    AuditLog(path).append([{"who": "next"}])
    assert [line["who"] for line in lines_of(path)] == ["full", "full", "next"]


def test_what_something_else_changed_is_not_appended_to(path: Path) -> None:
    log = AuditLog(path)
    log.append([{"a": 1}])
    before = path.read_bytes()
    path.write_bytes(before + b'{"number":2}\n')
    with pytest.raises(AuditLogError, match=r"changed by something else. Run `memguard log verify"):
        log.append([{"a": 2}])
    path.unlink()
    with pytest.raises(AuditLogError, match=r"has 0 bytes and not the"):
        AuditLog(path)
    path.write_bytes(before)
    LogFiles(path).head.unlink()
    with pytest.raises(AuditLogError, match=r"its head audit.jsonl.head was removed"):
        AuditLog(path)
    LogFiles(path).head.write_bytes(b"{}")
    with pytest.raises(AuditLogError, match=r"is damaged, or the log was begun with another key"):
        AuditLog(path)


def test_a_log_that_cannot_be_written_is_known_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AuditLogError, match="cannot be written: "):
        AuditLog(tmp_path / "file" / "audit.jsonl")
    AuditLog(tmp_path / "keyed.jsonl", key=b"secret").append([{"a": 1}])
    with pytest.raises(AuditLogError, match="another key"):
        AuditLog(tmp_path / "keyed.jsonl")
    for options in ({"rotate_bytes": 0}, {"key": b""}):
        with pytest.raises(ConfigurationError):
            AuditLog(tmp_path / "new.jsonl", **options)


def test_what_is_no_json_is_refused_and_nothing_is_written(path: Path) -> None:
    log = AuditLog(path)
    for value in (float("nan"), float("inf")):
        with pytest.raises(AuditLogError, match="not JSON compliant"):
            log.append([{"a": 1}, {"a": value}])
    assert lines_of(path) == []


def test_a_lock_that_others_keep_is_an_error(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = AuditLog(path)
    monkeypatch.setattr("memguard.audit_log.log_files.LOCK_SECONDS", 0.05)
    held = threading.Event()
    done = threading.Event()

    def hold() -> None:
        with log.files.lock():
            held.set()
            done.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    held.wait(60)
    try:
        with pytest.raises(AuditLogError, match=r"locked for 0.05 s; look for a process"):
            log.append([{"a": 1}])
    finally:
        done.set()
        other.join()
    log.append([{"a": 1}])
