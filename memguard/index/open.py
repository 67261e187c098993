"""Opens an index, in a directory or in Milvus: the one factory."""

from __future__ import annotations

import os
from pathlib import Path

from memguard.index.base import Index
from memguard.index.local import DirectoryIndex
from memguard.index.milvus.address import in_milvus
from memguard.index.milvus.index import MilvusIndex


def open_index(path: str | os.PathLike[str]) -> Index:
    """Open the index in a directory or at an address, ``milvus://HOST:PORT/PREFIX``.

    Raises:
        IndexUnavailableError: there is none, its build has not finished, it is damaged, a
            search does not find its canary, a newer memguard wrote it, or no server answers.
    """
    return MilvusIndex.open(path) if in_milvus(path) else DirectoryIndex.open(Path(path))
