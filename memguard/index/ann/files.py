"""FAISS files: reading them memory-mapped, and writing them in one step."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.files import PARTIAL

LISTS = ".lists"
"""Ending of the second file of an index whose lists were merged on disk."""

ROWS = ".rows"
"""Ending of the file by which candidates are compared again (:mod:`memguard.index.ann.rerank`)."""

Fetch = Callable[[NDArray[np.int64]], NDArray[Any]]
"""Distinct row positions, ascending -> the stored rows, in that order."""


def load(spec: DescriptorSpec, path: Path, *, mapped: bool = True) -> Any:
    """The FAISS index in a file, memory-mapped or else read into memory.

    Raises:
        RuntimeError: it is missing or damaged.
    """
    flags = faiss.IO_FLAG_MMAP_IFC if mapped else 0
    if spec.metric == "hamming":
        return faiss.read_index_binary(str(path), flags)
    if not lists_path(path).exists():
        return faiss.read_index(str(path), flags)
    index = faiss.read_index(str(path), faiss.IO_FLAG_ONDISK_SAME_DIR)
    lists = faiss.downcast_InvertedLists(faiss.extract_index_ivf(index).invlists)
    lists.prefetch_nthread = 0  # threads that start anew at every search take longer than it
    return index


def searched_files(path: Path) -> list[Path]:
    """The files that FAISS reads: one, or two where lists were merged on disk."""
    return [file for file in (path, lists_path(path)) if file == path or file.exists()]


def files(path: Path) -> list[Path]:
    """All files that belong to a FAISS index: FAISS's own, and the rows of its candidates."""
    return [*searched_files(path), *filter(Path.exists, [rows_path(path)])]


def write(spec: DescriptorSpec, blocks: Iterable[NDArray[Any]], path: Path) -> None:
    """Write an exact index of a descriptor's matrix, given in blocks of rows.

    Components are held as half floats, which is how they are stored.

    Raises:
        OSError: it cannot be written.
    """
    index = empty(spec, "BFlat" if spec.metric == "hamming" else "SQfp16")
    for block in blocks:
        rows = np.ascontiguousarray(block)
        if not index.is_trained:
            index.train(rows)
        index.add(rows)
    save(spec, index, path)


def empty(spec: DescriptorSpec, kind: str) -> Any:
    """An index of this kind that holds nothing and is not trained."""
    if spec.metric == "hamming":
        return faiss.index_binary_factory(spec.dimension, kind)
    cosine = spec.metric == "cosine"
    metric = faiss.METRIC_INNER_PRODUCT if cosine else faiss.METRIC_L2
    return faiss.index_factory(spec.dimension, kind, metric)


def save(spec: DescriptorSpec, index: Any, path: Path) -> None:
    """Write the file of an index; it appears in one step.

    Raises:
        OSError: it cannot be written.
    """
    partial = path.with_name(path.name + PARTIAL)
    writer = faiss.write_index_binary if spec.metric == "hamming" else faiss.write_index
    try:
        writer(index, str(partial))
    except RuntimeError as error:
        raise OSError(f"{path} cannot be written ({error})") from error
    os.replace(partial, path)


def lists_path(path: Path) -> Path:
    """Where the lists of an index are, if they were merged on disk."""
    return path.with_name(path.name + LISTS)


def rows_path(path: Path) -> Path:
    """Where the rows of an index's candidates are, if they are compared again."""
    return path.with_name(path.name + ROWS)
