"""Near-duplicates among the references: what a model sees again and again, it memorizes.

Two references are near-duplicates when their distance in one descriptor is within the limit that it
declares (:attr:`memguard.signal_type.SignalType.near_duplicates`); clusters are the connected
components. When an index grows, only new references are looked up.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.registry import descriptor_class
from memguard.index.ann.hamming_join import Pairs, hamming_join
from memguard.index.ann.searcher import Excluded, Searcher
from memguard.index.ann.vectors import Vectors
from memguard.index.ingest.revision import Revision
from memguard.index.store.manifest import AnnFile

NEIGHBOURS = 16
"""Neighbours looked up of a reference; a larger cluster is connected through its members."""

MAX_COMPARED_HASHES = 4 * 10**9
"""Pairs of hashes compared one by one, in 8 seconds of a core. Beyond, the Hamming join
(:mod:`memguard.index.ann.hamming_join`) finds near ones, sooner from 60,000 rows on."""

MAX_HELD_PAIRS = 1 << 22
"""Pairs held in memory until clusters are joined."""

NO_PAIRS: Pairs = np.empty((0, 2), np.int64)

Clusters = NDArray[np.int64]
"""The row of the first member of each reference's cluster, shape (rows,)."""


def grow_clusters(
    revision: Revision,
    ann: Mapping[str, AnnFile],
    known: Clusters,
    excluded: NDArray[np.int64],
    missing: Mapping[str, NDArray[np.int64]],
) -> Clusters:
    """Clusters of a revision's references, of which the first are known.

    Args:
        revision: what is published.
        ann: descriptor name to its ANN index, written.
        known: the clusters of the first rows.
        excluded: rows that are in no cluster but their own.
        missing: descriptor name to rows without a vector.

    Raises:
        ConfigurationError: a descriptor is not installed here.
    """
    rows = len(revision.tables)
    pairs: list[Pairs] = []
    for spec in revision.specs if len(known) < rows else ():
        limit = max_distance(spec)
        if limit is not None:
            searcher = Searcher(ann[spec.name].index(revision.directory, spec))
            no_pairs = np.union1d(excluded, missing[spec.name])
            pairs.append(near_pairs(searcher, revision.vectors(spec), limit, len(known), no_pairs))
    return cluster(rows, known, pairs)


def max_distance(spec: DescriptorSpec) -> float | None:
    """The largest distance of two near-duplicates in a descriptor; None where it does not tell.

    Raises:
        ConfigurationError: the descriptor is not installed here.
    """
    signals = descriptor_class(spec.name).signals
    return next((one.near_duplicates for one in signals if one.name == spec.name), None)


def near_pairs(
    searcher: Searcher, vectors: Vectors, limit: float, first: int, excluded: NDArray[np.int64]
) -> Pairs:
    """Pairs of references that are near-duplicates by one descriptor, rows of shape (n, 2).

    Args:
        searcher: of the whole index.
        vectors: the descriptor's matrix.
        limit: the largest distance of a pair.
        first: the first row to look up.
        excluded: rows that make no pairs.
    """
    spec, rows = searcher.spec, len(searcher)
    joinable = spec.metric == "hamming" and spec.dimension % 64 == 0 and 8 * limit < spec.dimension
    if joinable and (rows - first) * rows > MAX_COMPARED_HASHES:
        return _condensed(hamming_join(vectors, first, limit, excluded), rows)
    hidden = Excluded(excluded, rows)
    pairs = [NO_PAIRS]
    for block in vectors.blocks(first):
        distances, found = searcher.search(block, NEIGHBOURS, excluded=hidden)
        own = np.arange(first, first + len(block))[:, None]
        near = (distances <= limit) & (found >= 0) & (found != own)
        near &= ~np.isin(own, excluded)
        pairs.append(np.stack([np.broadcast_to(own, found.shape)[near], found[near]], axis=1))
        first += len(block)
    return np.concatenate(pairs)


def _condensed(pairs: Iterable[Pairs], rows: int) -> Pairs:
    """Pairs that connect the same references, at most one for each row."""
    clusters, waiting = np.arange(rows), [NO_PAIRS]
    for some in itertools.chain(pairs, [None]):
        if some is not None:
            waiting.append(some)
        if some is None or sum(map(len, waiting)) > MAX_HELD_PAIRS:
            clusters, waiting = cluster(rows, clusters, waiting), [NO_PAIRS]
    connected = np.flatnonzero(clusters != np.arange(rows))
    return np.stack([connected, clusters[connected]], axis=1)


def cluster(rows: int, known: Clusters, pairs: Sequence[Pairs]) -> Clusters:
    """Clusters of near-duplicates, each named after its first member.

    Args:
        rows: number of references.
        known: the clusters of the first references, as this function returned them.
        pairs: of :func:`near_pairs`.

    Returns:
        int64 (rows,): the row of the first member of each reference's cluster.
    """
    known_pairs = np.stack([np.arange(len(known)), known], axis=1)
    left, right = np.concatenate([known_pairs, *pairs]).T
    graph = coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(rows, rows))
    _, labels = connected_components(graph, directed=False)
    return first_members(labels)


def first_members(labels: NDArray[Any]) -> Clusters:
    """Clusters with any labels, named after their first members instead."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def cluster_sizes(clusters: Clusters, hidden: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The size of each reference's cluster without hidden rows, uint32 (rows,)."""
    counts = np.bincount(np.delete(clusters, hidden), minlength=len(clusters))
    return np.asarray(counts[clusters], dtype=np.uint32)
