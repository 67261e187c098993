"""Near-duplicates among the references: what a model sees again and again, it memorizes.

Two references are near-duplicates when one of their descriptors says so; clusters are the connected
components. Only new rows are looked up when an index grows.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.hamming_join import near_hashes
from memguard.index.ann.searcher import Excluded, Searcher

NEAR: Mapping[str, float] = {"phash256": 31, "sscd": 0.25}
"""Descriptor name to the distance up to which two references are the same picture. ``phash256``: 31
of 256 bits, the distance that PDQ, another hash of 256 bits, calls a match
(https://github.com/facebook/ThreatExchange/tree/main/pdq). ``sscd``: cosine similarity 0.75, right
nine times in ten on DISC2021 (Pizzi et al. 2022)."""

NEIGHBOURS = 16
"""References looked at a row; a larger cluster holds together through its members."""

MOST_COMPARED = 4 * 10**9
"""Pairs of hashes that are compared one by one, in 8 seconds of a core; a build that adds more
finds near ones by :mod:`memguard.index.ann.hamming_join`, sooner from 60,000 rows on."""

PAIRS_HELD = 1 << 22
NO_PAIRS: NDArray[np.int64] = np.empty((0, 2), np.int64)

Clusters = NDArray[np.int64]
"""The position of the first member of each reference's cluster, shape (rows,)."""


def near_pairs(
    spec: DescriptorSpec,
    searcher: Searcher,
    blocks: Callable[[int], Iterable[NDArray[Any]]],
    first: int,
    alone: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Pairs of references that are near each other in one descriptor, shape (n, 2).

    Args:
        spec: a descriptor that :data:`NEAR` names.
        searcher: of the whole index.
        blocks: given a position, the rows from there on, in row order.
        first: the position of the first of the rows to look up.
        alone: positions of references that make no pairs.
    """
    rows = len(searcher)
    if spec.metric == "hamming" and (rows - first) * rows > MOST_COMPARED:
        return _joined(near_hashes(blocks, first, NEAR[spec.name], alone), rows)
    excluded = Excluded(alone, rows)
    pairs = [NO_PAIRS]
    for block in blocks(first):
        distances, found = searcher.search(block, NEIGHBOURS, excluded=excluded)
        own = np.arange(first, first + len(block))[:, None]
        near = (distances <= NEAR[spec.name]) & (found >= 0) & (found != own)
        near &= ~np.isin(own, alone)
        pairs.append(np.stack([np.broadcast_to(own, found.shape)[near], found[near]], axis=1))
        first += len(block)
    return np.concatenate(pairs)


def _joined(pairs: Iterable[NDArray[np.int64]], rows: int) -> NDArray[np.int64]:
    """Pairs that join what these join, at most one a row."""
    clusters, waiting = np.arange(rows), [NO_PAIRS]
    for some in itertools.chain(pairs, [None]):
        if some is not None:
            waiting.append(some)
        if some is None or sum(map(len, waiting)) > PAIRS_HELD:
            clusters, waiting = cluster(rows, clusters, waiting), [NO_PAIRS]
    joined = np.flatnonzero(clusters != np.arange(rows))
    return np.stack([joined, clusters[joined]], axis=1)


def cluster(rows: int, known: NDArray[np.int64], pairs: Sequence[NDArray[np.int64]]) -> Clusters:
    """Clusters of near-duplicates, each named after its first member.

    Args:
        rows: how many references there are.
        known: the clusters of the first of them, as this function gave them.
        pairs: of :func:`near_pairs`.

    Returns:
        int64 (rows,): the position of the first member of each one's cluster.
    """
    known_pairs = np.stack([np.arange(len(known)), known], axis=1)
    left, right = np.concatenate([known_pairs, *pairs]).T
    graph = coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(rows, rows))
    _, labels = connected_components(graph, directed=False)
    return first_members(labels)


def first_members(labels: NDArray[Any]) -> Clusters:
    """Clusters named in any way, named after their first members."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[inverse], dtype=np.int64)


def cluster_sizes(clusters: Clusters, hidden: NDArray[np.int64]) -> NDArray[np.uint32]:
    """How many of each one's cluster can be found, uint32 (rows,)."""
    counts = np.bincount(np.delete(clusters, hidden), minlength=len(clusters))
    return np.asarray(counts[clusters], dtype=np.uint32)
