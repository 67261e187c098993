"""Cliques of generations that are close to each other: a sign of memorization that needs no
training set (Carlini et al. 2023, arXiv 2301.13188, section 4.2).

Novel generations of one prompt differ; a memorized image comes out again and again. Two
generations are joined when their tiled l2 is small; the prediction is the largest clique, the
largest set in which all are joined.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard._optional import require
from memguard.auditing.distances import Pixels, pairwise_tiled_l2

JOINED_TILED_L2 = 0.15
"""Tiled l2 up to which two generations are joined. The paper does not publish its threshold; ours
is the l2 up to which it calls a generation a copy of a training image. The most different of 16
tiles is hardly ever as near in pictures of different things."""

PAPER_CLIQUE, PAPER_IMAGES = 10, 500
"""In the paper a clique of 10 among 500 generations marks a memorized image."""

LEAST_CLIQUE = 3
"""Smallest clique that marks a prompt: two images that are alike may be chance."""

MOST_CLIQUES = 10_000
"""Maximal cliques that are searched; their number grows exponentially with the graph."""

BLOCK_IMAGES = 1024
"""Images whose distances to all others are in memory at once."""


@dataclass(frozen=True)
class Clique:
    """The largest set of images that are all joined.

    Attributes:
        members: positions of the images, ascending; empty where no two images are joined.
        mean_distance: mean tiled l2 over all pairs inside; NaN without members.
        closest: the smallest tiled l2 of any two images; NaN with fewer than two.
        medoid: the member closest to all others; None without members.
    """

    members: tuple[int, ...]
    mean_distance: float
    closest: float
    medoid: int | None

    @property
    def size(self) -> int:
        return len(self.members)

    @property
    def nearness(self) -> tuple[int, float]:
        """Sort key, the most suspicious first: the largest clique, then the tightest; where no two
        images are joined, by the closest two."""
        distance = self.mean_distance if self.members else self.closest
        return -self.size, math.inf if math.isnan(distance) else distance


def needed_clique(images: int) -> int:
    """The size of a clique that marks a memorized image among this number of generations.

    The paper's share of them, and at least :data:`LEAST_CLIQUE`.
    """
    return max(LEAST_CLIQUE, math.ceil(images * PAPER_CLIQUE / PAPER_IMAGES))


def largest_clique(distances: NDArray[np.float32], threshold: float = JOINED_TILED_L2) -> Clique:
    """The largest clique; of several, the tightest.

    Exact up to :data:`MOST_CLIQUES` maximal cliques, beyond that the largest of those.

    Args:
        distances: of each image to each other, symmetric (n, n).
        threshold: the distance up to which two images are joined.

    Raises:
        ConfigurationError: networkx is not installed.
    """
    graph = require("networkx", extra="audit").Graph()
    graph.add_edges_from(np.argwhere(np.triu(distances <= threshold, 1)).tolist())
    members = _largest(graph, lambda found: _spread(distances, found))
    return _clique(distances, members)


def distinct_cliques(
    squares: Pixels, threshold: float = JOINED_TILED_L2, least: int = 2
) -> list[Clique]:
    """Disjoint cliques: the largest, then the largest among the other images, and so on.

    Args:
        squares: any number of images; BLOCK_IMAGES x n distances are in memory at once.
        threshold: the tiled l2 up to which two images are joined.
        least: smallest clique of interest, at least 2.

    Returns:
        the cliques, in the order of :attr:`Clique.nearness`.

    Raises:
        ConfigurationError: networkx is not installed.
    """
    networkx = require("networkx", extra="audit")
    graph = networkx.Graph()
    for start in range(0, len(squares), BLOCK_IMAGES):
        near = pairwise_tiled_l2(squares[start : start + BLOCK_IMAGES], squares) <= threshold
        rows, columns = np.nonzero(np.triu(near, start + 1))
        graph.add_edges_from(zip((rows + start).tolist(), columns.tolist()))
    found: list[Clique] = []
    waiting = list(networkx.connected_components(graph))
    while waiting:
        part = graph.subgraph(waiting.pop()).copy()
        members = np.sort(_largest(part, lambda _: 0.0))
        if len(members) < least:
            continue
        found.append(_among(squares, members))
        part.remove_nodes_from(members.tolist())
        waiting += networkx.connected_components(part)
    return sorted(found, key=lambda clique: clique.nearness)


def _largest(graph: Any, spread: Callable[[list[int]], float]) -> list[int]:
    """The nodes of a largest clique; of several, the one with the least spread.

    A node joined to all others is in every largest clique and need not be searched. Parts of the
    graph that are not joined are searched one by one.
    """
    networkx = require("networkx", extra="audit")
    core = [node for node, degree in graph.degree if degree == len(graph) - 1]
    parts = list(networkx.connected_components(graph.subgraph(set(graph) - set(core))))
    cliques: Iterable[list[int]] = islice(networkx.find_cliques(graph), MOST_CLIQUES)
    if core or len(parts) > 1:
        cliques = (
            _largest(graph.subgraph(part).copy(), lambda found: spread(core + found))
            for part in parts
        )
    best, least = core, spread(core)
    for clique in cliques:
        members = core + clique
        if len(members) >= len(best):
            width = spread(members)
            if (-len(members), width) < (-len(best), least):
                best, least = members, width
    return best


def _spread(distances: NDArray[np.float32], members: Sequence[int]) -> float:
    """Mean distance over all pairs; 0 where there are none."""
    inside = distances[np.ix_(members, members)].astype(np.float64)
    pairs = len(members) * (len(members) - 1)
    return float((inside.sum() - inside.trace()) / pairs) if pairs else 0.0


def _clique(distances: NDArray[np.float32], members: Sequence[int]) -> Clique:
    others = distances[~np.eye(len(distances), dtype=bool)]
    closest = float(others.min()) if len(others) else math.nan
    if not members:
        return Clique((), math.nan, closest, None)
    positions = sorted(members)
    sums = distances[np.ix_(positions, positions)].sum(axis=1, dtype=np.float64)
    return Clique(
        members=tuple(positions),
        mean_distance=_spread(distances, positions),
        closest=closest,
        medoid=positions[int(sums.argmin())],
    )


def _among(squares: Pixels, members: NDArray[np.int64]) -> Clique:
    """The clique of these members, measured among themselves."""
    chosen = squares[members]
    local = _clique(pairwise_tiled_l2(chosen, chosen), range(len(members)))
    medoid = None if local.medoid is None else int(members[local.medoid])
    return dataclasses.replace(local, members=tuple(members.tolist()), medoid=medoid)
