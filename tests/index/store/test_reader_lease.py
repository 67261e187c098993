"""Leases: held by any number of readers, and ended with the last of them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from memguard.index.store.reader_lease import Lease, is_read, lease_path


def test_a_generation_is_read_until_its_last_reader_is_gone(tmp_path: Path) -> None:
    path = lease_path(tmp_path, 3)
    path.touch()
    path.chmod(0o444)
    assert not is_read(path)
    first, second = Lease(tmp_path, 3), Lease(tmp_path, 3)
    assert is_read(path)
    del first
    assert is_read(path)
    del second
    assert not is_read(path)
    assert path.read_bytes() == b""


def test_a_generation_that_was_deleted_gives_no_lease(tmp_path: Path) -> None:
    Lease(tmp_path, 3)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_is_killed_ends_its_lease(tmp_path: Path) -> None:
    path = lease_path(tmp_path, 0)
    path.touch()
    code = f"""
from pathlib import Path
from memguard.index.store.reader_lease import Lease
lease = Lease(Path({str(tmp_path)!r}), 0)
print("held", flush=True)
input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "held\n"
        assert is_read(path)
        reader.send_signal(signal.SIGKILL)
        reader.wait()
    assert not is_read(path)
