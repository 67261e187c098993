"""The head: one size, whole or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from memguard.audit_log.chain import Link
from memguard.audit_log.head import EMPTY, HEAD_BYTES, End, Head

FAR = End(10**6, 10**15, Link(10**15, "f" * 64))


@pytest.mark.parametrize("head", [Head(), Head(FAR), Head(FAR, pending=FAR)])
@pytest.mark.parametrize("key", [None, b"key"])
def test_it_has_one_size(tmp_path: Path, head: Head, key: bytes | None) -> None:
    path = tmp_path / "head"
    assert Head.read(path, key) is None
    Head(FAR, pending=EMPTY).write(path, key, fsync=False)
    head.write(path, key, fsync=True)
    assert path.stat().st_size == HEAD_BYTES
    assert Head.read(path, key) == head


def test_a_changed_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "head"
    Head(FAR).write(path, None, fsync=False)
    whole = path.read_bytes()
    for damaged in (b"", whole[:100], whole.replace(b"1000", b"1001"), b" " * HEAD_BYTES):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="seal does not fit"):
            Head.read(path, None)
