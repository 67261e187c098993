"""Files of an open index that somebody changes: an error, instead of SIGBUS."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from memguard.errors import IndexUnavailableError
from memguard.index.store.mapped_files import MappedFiles


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    found = [tmp_path / name for name in "ab"]
    for path in found:
        path.write_bytes(b"x" * 5000)
    return found


def shortened(path: Path) -> None:
    os.truncate(path, 10)


def rewritten(path: Path) -> None:
    path.write_bytes(b"y" * 5000)


@pytest.mark.parametrize("change", [shortened, rewritten])
def test_a_file_that_is_changed_in_place(paths: list[Path], change: object) -> None:
    mapped = MappedFiles(paths)
    mapped.require_unchanged()
    change(paths[1])
    with pytest.raises(IndexUnavailableError, match=r"b was changed in place .* another directory"):
        mapped.require_unchanged()


def test_a_file_that_is_replaced_or_deleted_is_still_there(paths: list[Path]) -> None:
    mapped = MappedFiles(paths)
    other = paths[0].with_name("other")
    other.write_bytes(b"z")
    os.replace(other, paths[0])
    paths[1].unlink()
    mapped.require_unchanged()


def open_here(folder: Path) -> list[str]:
    """Files of `folder` that this process holds open."""
    links = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            links.append(os.readlink(descriptor))
        except FileNotFoundError:  # another thread closed it meanwhile
            continue
    return sorted(Path(link).name for link in links if Path(link).parent == folder)


def test_they_are_closed_in_the_end(paths: list[Path], tmp_path: Path) -> None:
    folder = tmp_path.resolve()
    mapped = MappedFiles(paths)
    assert open_here(folder) == ["a", "b"]
    with pytest.raises(FileNotFoundError):
        MappedFiles([paths[0], paths[0].with_name("missing")])
    assert open_here(folder) == ["a", "b"]
    del mapped
    gc.collect()
    assert open_here(folder) == []
