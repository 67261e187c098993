"""How iteration over files resumes."""

from __future__ import annotations

import os
from pathlib import Path

from memguard.sources import FileItem
from memguard.sources.cursor import (
    CLOCK_SKEW_NS,
    UNREADABLE,
    Position,
    changed_after,
    file_state,
    files_below,
    now,
    parts,
)


def test_a_position_is_text_and_back(tmp_path: Path) -> None:
    position = Position(now(), str(tmp_path / "Straße 7"), "1-2", 40)
    assert Position.parse(str(position)) == position
    assert Position.parse(None) is None


def test_state_tells_changes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert file_state(path) == UNREADABLE
    path.write_bytes(b"x")
    item = FileItem(uri="a", state=file_state(path), path=path)
    assert item.state_now() == item.state
    path.write_bytes(b"xy")
    assert item.state_now() != item.state


def test_a_file_put_here_counts_as_changed_by_any_modification_time(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    os.utime(tmp_path / "a", ns=(0, 0))
    assert changed_after(tmp_path / "a", now())
    assert not changed_after(tmp_path / "a", now() + 2 * CLOCK_SKEW_NS)
    assert changed_after(tmp_path / "gone", now() + 2 * CLOCK_SKEW_NS)


def test_parts_after_a_position(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a", "b", "c")]
    for path in paths:
        path.write_bytes(b"x")
    assert [begin.done for _, begin in parts(paths, None)] == [0, 0, 0]
    later = now() + 2 * CLOCK_SKEW_NS
    after = str(Position(later, str(paths[1]), file_state(paths[1]), 7))
    resumed = list(parts(paths, after))
    assert [(path.name, begin.done) for path, begin in resumed] == [("b", 7), ("c", 0)]
    assert {begin.since for _, begin in resumed} == {later}
    paths[1].write_bytes(b"xy")
    since = str(Position(now(), str(paths[1]), "1-1", 7))
    assert ("b", 0) in [(path.name, begin.done) for path, begin in parts(paths, since)]


def test_files_below(tmp_path: Path) -> None:
    for name in ("b.tar", "a/c.TAR", "a/d.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.tar").mkdir()
    assert files_below(tmp_path, (".tar",)) == [tmp_path / "a" / "c.TAR", tmp_path / "b.tar"]
    assert files_below(tmp_path / "b.tar", (".tar",)) == [tmp_path / "b.tar"]
