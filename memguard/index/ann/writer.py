"""Writing ANN indexes from vectors, which stream by in blocks.

In addition to a block, memory holds a sample to train on and the compressed vectors, up to
:data:`memguard.index.ann.shards.SHARD_BYTES` of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.index.ann.faiss_io import empty, inverted_list_count, load, save
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.recall import ExactSearch, RecallProbe, noisy_probe
from memguard.index.ann.rerank import write_through
from memguard.index.ann.searcher import Searcher
from memguard.index.ann.shards import emptied, fill, grows_on_disk
from memguard.index.ann.training import trained
from memguard.index.ann.tuning import tune, warn_of_low_recall
from memguard.index.ann.vectors import Vectors


def write(index: AnnIndex, vectors: Vectors, probe: RecallProbe | None = None) -> AnnIndex:
    """Write one descriptor's ANN index, and tune its search.

    Args:
        index: what to write; its FAISS file appears in one atomic step.
        vectors: the descriptor's matrix.
        probe: some hundreds of simulated copies; None where none can be made: vectors with noise
            are tuned on then, and the recall of copies is unknown.

    Returns:
        The index with its tuned choice, size and recall. A recall below
        :data:`memguard.index.ann.tuning.MIN_RECALL` is logged as a warning.

    Raises:
        OSError: a file cannot be written.
    """
    if index.choice.exact:
        return write_exact(index, vectors.blocks())
    spec, choice = index.spec, index.choice
    built = trained(spec, choice.kind, vectors)
    exact = ExactSearch(spec, probe or noisy_probe(spec, vectors), vectors)
    blocks: Iterable[NDArray[Any]] = vectors.blocks()
    if spec.metric != "hamming":
        blocks = write_through(blocks, index.rerank_path)
    fill(index, built, _searched(blocks, exact))
    found = exact.found()
    if len(found) < 2:
        found, probe = noisy_probe(spec, vectors), None
    index = index.measured()
    tuned = tune(spec, index.choice, Searcher(index), found, inverted_list_count(built))
    if not tuned.candidates:
        index.rerank_path.unlink(missing_ok=True)
    if probe is None:
        return dataclasses.replace(index, choice=dataclasses.replace(tuned, recall=None))
    warn_of_low_recall(spec.name, tuned)
    return dataclasses.replace(index, choice=tuned)


def write_exact(index: AnnIndex, blocks: Iterable[NDArray[Any]]) -> AnnIndex:
    """Write an exact index; components are held as half floats, as they are stored.

    Raises:
        OSError: the file cannot be written.
    """
    built = empty(index.spec, "BFlat" if index.spec.metric == "hamming" else "SQfp16")
    for block in blocks:
        vectors = np.ascontiguousarray(block)
        if not built.is_trained:
            built.train(vectors)
        built.add(vectors)
    save(index, built)
    return index.measured()


def extend(old: AnnIndex, blocks: Iterable[NDArray[Any]], path: Path) -> AnnIndex:
    """Write the vectors of an index and some more to another file, without training again.

    Args:
        old: the index, whose files stay; so do its search settings and its recall.
        blocks: the new vectors.
        path: the FAISS file to write; it appears in one atomic step.

    Raises:
        OSError: a file cannot be written.
        RuntimeError: a file of the old index is missing or damaged.
    """
    index = old.at(path)
    if old.choice.candidates:
        blocks = write_through(blocks, index.rerank_path, after=old.rerank_path)
    if grows_on_disk(old):
        fill(index, emptied(load(old)), blocks, before=load(old))
    else:
        fill(index, load(old, mapped=False), blocks)
    return index.measured()


def _searched(blocks: Iterable[NDArray[Any]], exact: ExactSearch) -> Iterator[NDArray[Any]]:
    for block in blocks:
        exact.add(block)
        yield block
