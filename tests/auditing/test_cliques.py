"""Cliques against graphs whose largest clique is known."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.auditing.cliques import (
    LEAST_CLIQUE,
    distinct_cliques,
    largest_clique,
    needed_clique,
)
from memguard.auditing.distances import pairwise_tiled_l2


def matrix(count: int, joined: dict[tuple[int, int], float]) -> NDArray[np.float32]:
    """Distances of 1 but for these pairs."""
    distances = np.ones((count, count), dtype=np.float32) - np.eye(count, dtype=np.float32)
    for (i, j), distance in joined.items():
        distances[i, j] = distances[j, i] = distance
    return distances


def test_the_largest_clique_not_the_largest_chain() -> None:
    chain = {(i, i + 1): 0.01 for i in range(5, 12)}
    triangle = {(1, 3): 0.1, (3, 4): 0.2, (1, 4): 0.3}
    clique = largest_clique(matrix(13, {**chain, **triangle}), threshold=0.35)
    assert clique.members == (1, 3, 4)
    assert clique.size == 3
    assert clique.mean_distance == pytest.approx(0.2)
    assert clique.closest == pytest.approx(0.01)
    assert clique.medoid == 3


def test_of_two_equally_large_the_tighter() -> None:
    loose = dict.fromkeys(combinations((0, 1, 2), 2), 0.2)
    tight = dict.fromkeys(combinations((3, 4, 5), 2), 0.1)
    assert largest_clique(matrix(6, {**loose, **tight}), 0.3).members == (3, 4, 5)
    hub = {**loose, **tight, **{(i, 6): 0.05 for i in range(6)}}
    assert largest_clique(matrix(7, hub), 0.3).members == (3, 4, 5, 6)


def test_the_threshold_itself_joins() -> None:
    distances = matrix(2, {(0, 1): 0.25})
    assert largest_clique(distances, 0.25).members == (0, 1)
    assert largest_clique(distances, 0.2499).members == ()


def test_nothing_is_joined() -> None:
    clique = largest_clique(matrix(4, {(1, 2): 0.4}), 0.1)
    assert (clique.members, clique.medoid) == ((), None)
    assert math.isnan(clique.mean_distance)
    assert clique.closest == pytest.approx(0.4)
    for few in (0, 1):
        clique = largest_clique(np.zeros((few, few), dtype=np.float32))
        assert clique.members == ()
        assert math.isnan(clique.closest)


def test_against_all_subsets_of_random_graphs() -> None:
    rng = np.random.default_rng(0)
    for density in (0.3, 0.6, 0.9):
        upper = np.triu(rng.random((9, 9)), 1)
        distances = (upper + upper.T).astype(np.float32)

        def inside(members: tuple[int, ...], distances: NDArray[np.float32] = distances) -> float:
            pairs = [float(distances[i, j]) for i, j in combinations(members, 2)]
            return sum(pairs) / len(pairs)

        cliques = [
            members
            for size in range(2, 10)
            for members in combinations(range(9), size)
            if all(distances[i, j] <= density for i, j in combinations(members, 2))
        ]
        expected = min(cliques, key=lambda members: (-len(members), inside(members)))
        clique = largest_clique(distances, density)
        assert clique.members == expected
        assert clique.mean_distance == pytest.approx(inside(expected))


def test_a_graph_with_more_cliques_than_can_be_counted() -> None:
    """Thirty pairs that are apart, all else joined: 2^30 largest cliques, of 30 nodes each."""
    distances = np.full((61, 61), 0.05, dtype=np.float32)
    for i in range(0, 60, 2):
        distances[i, i + 1] = distances[i + 1, i] = 1
    assert largest_clique(distances).size == 31, "and the one that is joined to all"


def test_five_hundred_images_that_are_all_alike() -> None:
    assert largest_clique(np.zeros((500, 500), dtype=np.float32)).size == 500


def test_how_large_a_clique_must_be() -> None:
    assert needed_clique(500) == 10, "the paper's"
    assert needed_clique(1000) == 20
    assert needed_clique(50) == LEAST_CLIQUE
    assert needed_clique(275) == 6


def test_ranking() -> None:
    large = largest_clique(matrix(5, dict.fromkeys(combinations(range(3), 2), 0.09)))
    tight = largest_clique(matrix(5, {(0, 1): 0.02}))
    loose = largest_clique(matrix(5, {(0, 1): 0.08}))
    apart = largest_clique(matrix(5, {(0, 1): 0.3}))
    lone = largest_clique(np.zeros((1, 1), dtype=np.float32))
    assert sorted([lone, apart, loose, tight, large], key=lambda clique: clique.nearness) == [
        large,
        tight,
        loose,
        apart,
        lone,
    ]


def test_distinct_cliques() -> None:
    """Two pictures come out 6 and 4 times with some noise, 20 others once."""
    rng = np.random.default_rng(1)
    pictures = rng.integers(0, 256, (22, 16, 16, 3))
    shown = np.array([0] * 6 + [1] * 4 + list(range(2, 22)))
    rng.shuffle(shown)
    noise = rng.normal(0, 6, (len(shown), 16, 16, 3))
    levels = np.clip(pictures[shown] + noise, 0, 255).astype(np.uint8)
    found = distinct_cliques(levels, least=3)
    assert [clique.members for clique in found] == [
        tuple(np.flatnonzero(shown == which).tolist()) for which in (0, 1)
    ]
    for clique in found:
        chosen = levels[list(clique.members)]
        distances = pairwise_tiled_l2(chosen, chosen)
        assert clique.medoid == clique.members[int(distances.sum(axis=1).argmin())]
        pairs = clique.size * (clique.size - 1)
        assert clique.mean_distance == pytest.approx(distances.sum() / pairs, rel=1e-5)
    assert [clique.size for clique in distinct_cliques(levels, least=5)] == [6]
    assert distinct_cliques(levels[:0]) == []


def test_without_networkx() -> None:
    code = (
        "import sys; sys.modules['networkx'] = None\n"
        "import numpy as np\n"
        "from memguard.auditing.cliques import largest_clique\n"
        "from memguard.errors import ConfigurationError\n"
        "try: largest_clique(np.zeros((2, 2), np.float32))\n"
        "except ConfigurationError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'memguard[audit]'" in done.stdout
