"""Everything an index holds, as one value that compares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from memguard.index import Index


def contents(index: Index) -> dict[str, Any]:
    """All records with their rows, what is known of the files, and the FAISS files' bytes."""
    records = index.take(range(len(index)))
    return {
        "records": [
            (one.id, one.uri, one.width, one.height, one.caption, one.thumbnail, one.features)
            for one in records
        ],
        "rows": [{name: row.tobytes() for name, row in record.rows.items()} for record in records],
        "copies": [index.copies(one.id) for one in records],
        "unreadable": index.unreadable(),
        "faiss": {name: file.sha256 for name, file in index.manifest.ann.items()},
        "specs": index.specs,
    }


def opened(path: Path) -> dict[str, Any]:
    """The contents of the index at ``path``."""
    return contents(Index.open(path))
