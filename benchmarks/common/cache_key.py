"""A key of the code that decides, so that a cache never reports the figures of other code."""

from __future__ import annotations

import hashlib
from pathlib import Path

import memguard

DECIDING = (
    "vision",
    "descriptors",
    "detection",
    "index",
    "calibration",
    "signal_type.py",
    "verdict.py",
    "defaults.py",
)
"""The parts of memguard on which distances, thresholds and verdicts depend."""


def code_key(*others: str, root: Path = Path(memguard.__file__).parent) -> str:
    """A hash of every file in the parts that decide: any changed, new or renamed file changes it.

    Comments and docstrings count too. To measure once too often costs time; to report figures of
    older code costs trust.

    Args:
        others: further parts of the package that a cache depends on.
        root: the folder of the package.

    Returns:
        12 hexadecimal digits of a SHA-256.

    Raises:
        FileNotFoundError: a part does not exist.
    """
    digest = hashlib.sha256()
    for part in (*DECIDING, *others):
        path = root / part
        if not path.exists():
            raise FileNotFoundError(f"{path} does not exist; correct DECIDING in {__file__}")
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                data = file.read_bytes()
                digest.update(f"{file.relative_to(root).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()[:12]
