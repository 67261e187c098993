"""Atomic writes and checksums: a file holds all of its old bytes or all of the new ones."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

Kind = TypeVar("Kind")

PARTIAL = ".tmp"
"""Suffix of an incomplete file; a killed writer may leave one."""

CHECKSUM = "sha256"
"""The key of a JSON file with the SHA-256 of all its other keys."""

BLOCK_BYTES = 1 << 20
"""How much of a file is read at a time."""


NON_BLOCKING = getattr(os, "O_NONBLOCK", 0)
"""Opens a pipe without waiting for a writer; Windows has none in folders."""


def sha256(path: Path) -> str:
    """The hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def read_regular(path: Path) -> bytes:
    """The bytes of a file; whoever reads a pipe or a device may wait, or read on, for ever.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe, a socket or a device.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | NON_BLOCKING)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is a pipe, a socket or a device", str(path))
        return file.read()


def write_bytes(path: Path, data: bytes) -> None:
    """Replace the file at ``path`` in one atomic step."""
    _write(path, [data])


def write_text(path: Path, text: str) -> None:
    """Replace the file at ``path`` in one atomic step."""
    write_bytes(path, text.encode("utf-8"))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Replace the file at ``path`` in one atomic step; lines are streamed."""
    _write(path, (f"{line}\n".encode() for line in lines))


def write_json(path: Path, data: Any) -> None:
    """Replace the file at ``path`` in one atomic step, indented by two spaces."""
    write_text(path, json.dumps(data, indent=2))


def write_checked(path: Path, data: dict[str, Any]) -> None:
    """Replace the file at ``path`` by :func:`checked_json` in one atomic step."""
    write_bytes(path, checked_json(data))


def checked_json(data: dict[str, Any]) -> bytes:
    """A JSON object with its own checksum, so that a changed byte is noticed."""
    plain = json.loads(json.dumps(data))
    return json.dumps({**plain, CHECKSUM: _checksum(plain)}, indent=2).encode("utf-8")


def read_checked(data: bytes) -> dict[str, Any]:
    """The inverse of :func:`checked_json`.

    Raises:
        ValueError: the bytes have changed.
    """
    found = json.loads(data)
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    recorded = found.pop(CHECKSUM, None)
    if recorded != _checksum(found) or data != checked_json(found):
        raise ValueError("its checksum does not fit its contents")
    return found


def from_json(data: Any, kind: type[Kind]) -> Kind:
    """Values of JSON as a dataclass or struct.

    Raises:
        ValueError: a key is missing or unknown, or a value has another type. (msgspec itself
            ignores unknown keys of dataclasses.)
    """
    found = msgspec.convert(data, kind)
    unknown = next(_unknown_keys(data, msgspec.to_builtins(found)), None)
    if unknown is not None:
        raise ValueError(f"it has an unknown key, {unknown!r}")
    return found


def sealed(text: str) -> str:
    """A page of HTML with its SHA-256 in a comment at the end."""
    return f"{text.rstrip()}\n{_seal(text.rstrip())}\n"


def is_sealed(text: str) -> bool:
    """Whether a page has not changed since :func:`sealed`."""
    page, _, _ = text.rstrip("\n").rpartition("\n")
    return text == sealed(page)


def _write(path: Path, parts: Iterable[bytes]) -> None:
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _unknown_keys(data: Any, known: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for key, value in data.items():
            if key in known:
                yield from _unknown_keys(value, known[key])
            else:
                yield key
    elif isinstance(data, list):
        for value, counterpart in zip(data, known, strict=True):
            yield from _unknown_keys(value, counterpart)


def _seal(text: str) -> str:
    return f"<!-- {CHECKSUM} {hashlib.sha256(text.encode('utf-8')).hexdigest()} -->"


def _checksum(data: dict[str, Any]) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
