"""Everything an index holds, as one value that compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memguard.index.opened import DirectoryIndex


def contents(index: DirectoryIndex) -> dict[str, Any]:
    """All records with their rows, what is known of the files, and the FAISS files' bytes."""
    records = index.take(index.positions().tolist())
    return {
        "records": [
            (one.id, one.uri, one.width, one.height, one.caption, one.thumbnail, one.features)
            for one in records
        ],
        "rows": [{name: row.tobytes() for name, row in record.rows.items()} for record in records],
        "copies": [one.copies for one in records],
        "duplicates": [one.duplicates for one in records],
        "unreadable": index.unreadable(),
        "faiss": {
            name: [part.sha256 for part in file.files] for name, file in index.manifest.ann.items()
        },
        "specs": index.specs,
    }


def opened(path: Path) -> dict[str, Any]:
    """The contents of the index at ``path``."""
    return contents(DirectoryIndex.open(path))
