"""Whether an ANN index holds the vectors that it should, in their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.faiss_io import load
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.rerank import ByteVectors
from memguard.index.ann.vectors import Vectors

MAX_ERROR = 0.1
"""Cosine distance of a vector from itself in a byte a component: ten times what is promised of
those in the range that was trained on (:attr:`AnnChoice.nearly_exact`). Unrelated images are
farther."""


def holds_rows(index: AnnIndex, vectors: Vectors) -> bool:
    """Whether each row of an ANN index is the vector of that row.

    Args:
        index: its files, which are whole.
        vectors: the descriptor's matrix; zero vectors are not compared.

    Raises:
        OSError, RuntimeError: a file is missing or damaged.
    """
    held, start = load(index), 0
    if held.ntotal != len(vectors):
        return False
    finer = index.choice.candidates > 0  # FAISS cannot give back all kinds of codes
    reranked = ByteVectors(index.spec, index.rerank_path, len(vectors)) if finer else None
    for block in vectors.blocks():
        rows = np.arange(start, start + len(block))
        start += len(block)
        there = reranked.take(rows) if reranked else held.reconstruct_n(int(rows[0]), len(block))
        if not _same(index.spec, there, block):
            return False
    return True


def _same(spec: DescriptorSpec, held: NDArray[Any], wanted: NDArray[Any]) -> bool:
    if spec.metric == "hamming":
        return np.array_equal(held[wanted.any(axis=1)], wanted[wanted.any(axis=1)])
    lengths = np.linalg.norm(held, axis=1) * np.linalg.norm(wanted, axis=1)
    cosines = np.einsum("ij,ij->i", held, wanted)
    return bool((cosines >= (1 - MAX_ERROR) * lengths)[wanted.any(axis=1)].all())
