"""Files whose fingerprints are compared once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from memguard.errors import IndexUnavailableError
from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.store import known_files
from memguard.index.store.known_files import changed_files
from memguard.index.store.manifest import PinnedFile


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read, one entry for each time."""
    names, whole = [], PinnedFile.is_whole

    def noted(self: PinnedFile, directory: Path) -> bool:
        names.append(self.path)
        return whole(self, directory)

    monkeypatch.setattr(PinnedFile, "is_whole", noted)
    return names


@pytest.fixture
def files(tmp_path: Path) -> list[PinnedFile]:
    for name in "ab":
        (tmp_path / name).write_bytes(name.encode() * 100)
    return [PinnedFile.of(tmp_path, tmp_path / name) for name in "ab"]


def test_what_was_whole_is_not_read_again(
    tmp_path: Path, files: list[PinnedFile], read: list[str]
) -> None:
    for _ in range(3):
        assert changed_files(tmp_path, files) == []
    assert read == ["a", "b"]


def test_what_has_changed_is_read_also_if_its_times_are_set_back(
    tmp_path: Path, files: list[PinnedFile], read: list[str]
) -> None:
    changed_files(tmp_path, files)
    read.clear()
    before = (tmp_path / "b").stat()
    (tmp_path / "b").write_bytes(b"c" * 100)
    os.utime(tmp_path / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        assert changed_files(tmp_path, files) == [files[1]]
    assert read == ["b", "b"]


def test_another_file_of_the_same_name_is_read(
    tmp_path: Path, files: list[PinnedFile], read: list[str]
) -> None:
    changed_files(tmp_path, files)
    shutil.copy2(tmp_path / "a", tmp_path / "new")
    os.replace(tmp_path / "new", tmp_path / "a")
    assert changed_files(tmp_path, files) == []
    assert read == ["a", "b", "a"]


def test_a_cache_that_is_damaged_or_cannot_be_written(
    tmp_path: Path, files: list[PinnedFile], read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed_files(tmp_path, files)
    known_files._place(tmp_path).write_bytes(b"{}")
    assert changed_files(tmp_path, files) == []
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("MEMGUARD_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert changed_files(tmp_path, files) == []
    assert read == ["a", "b"] * 4


@pytest.mark.parametrize("pattern", ["ann/*", "lists/clusters*", "*.lance/data/*", "*/_versions/*"])
def test_no_damaged_file_is_opened(
    built: tuple[Path, BuildSummary], tmp_path: Path, pattern: str
) -> None:
    index = Path(shutil.copytree(built[0], tmp_path / "own.memguard"))
    for path in sorted(index.glob(pattern)):
        if not path.name.endswith(".json"):
            data = path.read_bytes()
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
            with pytest.raises(IndexUnavailableError, match="holds other bytes than were written"):
                DirectoryIndex.open(index)
            path.write_bytes(data)
    assert len(DirectoryIndex.open(index)) == 60
