"""Files: fingerprints, atomic writes, checksums inside JSON and pages."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from memguard.files import (
    BLOCK_BYTES,
    PARTIAL,
    checked_json,
    from_json,
    is_sealed,
    read_checked,
    read_regular,
    sealed,
    sha256,
    write_lines,
)


@pytest.mark.parametrize("size", [0, 3, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_sha256(tmp_path: Path, size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(data)
    assert sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_lines(path, ["old", "lines"])

    def breaking_off() -> Iterator[str]:
        yield "new"
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_lines(path, breaking_off())
    assert path.read_text() == "old\nlines\n"
    write_lines(path, ["new"])
    assert path.read_text() == "new\n"
    assert [one.name for one in tmp_path.iterdir() if not one.name.endswith(PARTIAL)] == [path.name]


@pytest.mark.parametrize("data", [{}, {"a": [1, 2.5, None], "b": {"c": "größe"}}, {"sha256x": 1}])
def test_checked_json_comes_back(data: dict[str, Any]) -> None:
    assert read_checked(checked_json(data)) == data


def test_every_changed_byte_is_noticed() -> None:
    data = checked_json({"a": 1, "b": [True, "text"]})
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(ValueError):  # noqa: PT011
            read_checked(bytes(changed))
    for other in (b"", b"[]", b"3", b'{"a": 1}', data + b"\n"):
        with pytest.raises(ValueError):  # noqa: PT011
            read_checked(other)


@dataclass
class Part:
    name: str
    size: int = 0


@dataclass
class Whole:
    parts: tuple[Part, ...]
    by_name: dict[str, Part]


def test_json_values_become_dataclasses() -> None:
    data = {"parts": [{"name": "a"}, {"name": "b", "size": 2}], "by_name": {"x": {"name": "c"}}}
    assert from_json(data, Whole) == Whole((Part("a"), Part("b", 2)), {"x": Part("c")})


@pytest.mark.parametrize(
    "data",
    [
        {"parts": []},
        {"parts": [], "by_name": {}, "colour": 1},
        {"parts": [{"name": "a", "colour": 1}], "by_name": {}},
        {"parts": [], "by_name": {"x": {"name": "a", "colour": 1}}},
        {"parts": [{"name": 3}], "by_name": {}},
        [],
    ],
)
def test_keys_and_types_must_fit(data: Any) -> None:
    with pytest.raises(ValueError, match=r"colour|by_name|Expected"):
        from_json(data, Whole)


def test_a_sealed_page() -> None:
    page = sealed("<html>\n<p>größe</p>\n</html>\n")
    assert is_sealed(page)
    assert not is_sealed(page.replace("größe", "grösse"))
    assert not is_sealed("<html></html>")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A pipe is waited for, and a device read on, for ever."""
    plain = tmp_path / "plain"
    plain.write_bytes(b"bytes")
    assert read_regular(plain) == b"bytes"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    for name in ("pipe", "device"):
        with pytest.raises(OSError, match="it is a pipe, a socket or a device"):
            read_regular(tmp_path / name)
    with pytest.raises(IsADirectoryError):
        read_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "missing")
