"""Fingerprints of files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from memguard.files import BLOCK_BYTES, sha256


@pytest.mark.parametrize("size", [0, 3, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_sha256(tmp_path: Path, size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(data)
    assert sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()
