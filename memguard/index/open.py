"""Opens an index to read or to change it: the one place that knows where indexes are kept.

Writers are imported when they are used: a guard reads only, and starts without the build.
"""

from __future__ import annotations

import os
from pathlib import Path

from memguard.errors import IndexUnavailableError
from memguard.index.base import Index, IndexWriter
from memguard.index.local import DirectoryIndex
from memguard.index.milvus.address import in_milvus
from memguard.index.milvus.index import MilvusIndex


def open_index(path: str | os.PathLike[str]) -> Index:
    """Open the index in a directory or at an address, ``milvus://HOST:PORT/PREFIX``.

    Raises:
        IndexUnavailableError: there is none, its build has not finished, it is damaged, a
            search does not find its canary, a newer memguard wrote it, or no server answers.
    """
    if not os.fspath(path):
        raise IndexUnavailableError(
            "the path of the index is empty; name one, such as training.memguard, or look for a "
            "variable that is not set"
        )
    return MilvusIndex.open(path) if in_milvus(path) else DirectoryIndex.open(path)


def open_writer(path: str | os.PathLike[str]) -> IndexWriter:
    """A writer of the index at ``path``; the first build makes a directory's index.

    Raises:
        IndexUnavailableError: as :func:`open_index`, for an address.
    """
    if in_milvus(path):
        from memguard.index.milvus.writer import MilvusWriter

        return MilvusWriter(MilvusIndex.open(path))
    from memguard.index.maintenance.writer import DirectoryWriter

    return DirectoryWriter(path)


def directory_of(path: str | os.PathLike[str]) -> Path:
    """The directory of an index whose files are needed.

    Raises:
        IndexUnavailableError: this is an address in Milvus.
    """
    if in_milvus(path):
        raise IndexUnavailableError(
            f"{path} is an address in Milvus; this needs an index in a directory"
        )
    return Path(path)
