"""Indexes that tests change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from memguard.index.base import BuildSummary


@pytest.fixture
def copied(built: tuple[Path, BuildSummary], tmp_path: Path) -> Path:
    """A copy of the small index, to be changed."""
    return Path(shutil.copytree(built[0], tmp_path / "copy.memguard"))
