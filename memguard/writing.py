"""Files that hold either their old bytes or all of the new ones, whatever kills the writer."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

PARTIAL = ".tmp"
"""Added to the name of a file until it is complete; a killed writer may leave one behind."""


def write_text(path: Path, text: str) -> None:
    """Replace the file at ``path`` in one atomic step."""
    partial = path.with_name(path.name + PARTIAL)
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def write_json(path: Path, data: Any) -> None:
    """Replace the file at ``path`` by JSON in one atomic step."""
    write_text(path, json.dumps(data, indent=2))
