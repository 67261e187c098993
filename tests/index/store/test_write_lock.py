"""The write lock: one process at a time, and free again after a writer that died."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from memguard.errors import BuildError, IndexUnavailableError
from memguard.index.store.write_lock import write_lock


def test_another_process_waits_for_none(tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from memguard.index.store.write_lock import write_lock
with write_lock(Path({str(tmp_path)!r})):
    print("held", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(BuildError, match="another build is at work"), write_lock(tmp_path):
            pass
        holder.kill()
    with write_lock(tmp_path):
        pass


def test_it_is_released_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), write_lock(tmp_path):
        raise RuntimeError
    with write_lock(tmp_path):
        pass


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(IndexUnavailableError, match="no index at"), write_lock(tmp_path / "x"):
        pass
