"""The files of a log: their names and order."""

from __future__ import annotations

from pathlib import Path

from memguard.audit_log.log_files import LogFiles


def test_the_files_are_found_in_order(tmp_path: Path) -> None:
    files = LogFiles(tmp_path / "a[1].jsonl")
    assert files.all() == []
    names = ["a[1].jsonl", "a[1].jsonl.000010", "a[1].jsonl.000009", "a[1].jsonl.1000000"]
    for name in (*names, "a[1].jsonl.head", "a[1].jsonl.lock", "a1.jsonl.000001", "a[1].jsonl.gz"):
        (tmp_path / name).touch()
    assert [path.name for path in files.all()] == [names[2], names[1], names[3], names[0]]
    assert files.full(9) == files.all()[0]
