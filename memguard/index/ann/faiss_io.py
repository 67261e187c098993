"""Reading and writing FAISS files."""

from __future__ import annotations

import os
from typing import Any

import faiss

from memguard.descriptors.base import DescriptorSpec
from memguard.files import PARTIAL
from memguard.index.ann.files import AnnIndex


def load(index: AnnIndex, *, mapped: bool = True) -> Any:
    """Read a FAISS file, memory-mapped or into memory.

    Raises:
        RuntimeError: the file is missing or damaged.
    """
    flags = faiss.IO_FLAG_MMAP_IFC if mapped else 0
    if index.spec.metric == "hamming":
        return faiss.read_index_binary(str(index.path), flags)
    if not index.inverted_lists_path.exists():
        return faiss.read_index(str(index.path), flags)
    loaded = faiss.read_index(str(index.path), faiss.IO_FLAG_ONDISK_SAME_DIR)
    inverted_lists = faiss.downcast_InvertedLists(faiss.extract_index_ivf(loaded).invlists)
    inverted_lists.prefetch_nthread = 0  # to start threads at every search takes longer
    return loaded


def save(index: AnnIndex, built: Any) -> None:
    """Write a FAISS index to its file in one atomic step.

    Raises:
        OSError: the file cannot be written.
    """
    partial = index.path.with_name(index.path.name + PARTIAL)
    write = faiss.write_index_binary if index.spec.metric == "hamming" else faiss.write_index
    try:
        write(built, str(partial))
    except RuntimeError as error:
        raise OSError(f"{index.path} cannot be written ({error})") from error
    os.replace(partial, index.path)


def empty(spec: DescriptorSpec, kind: str) -> Any:
    """A FAISS index of this kind (:attr:`AnnChoice.kind`), untrained and without vectors."""
    if spec.metric == "hamming":
        return faiss.index_binary_factory(spec.dimension, kind)
    return faiss.index_factory(spec.dimension, kind, faiss.METRIC_INNER_PRODUCT)


def inverted_list_count(built: Any) -> int:
    """How many inverted lists a FAISS index has; 0 for one without."""
    if isinstance(built, faiss.IndexBinary):
        return int(built.nlist) if isinstance(built, faiss.IndexBinaryIVF) else 0
    ivf = faiss.try_extract_index_ivf(built)
    return 0 if ivf is None else int(ivf.nlist)
