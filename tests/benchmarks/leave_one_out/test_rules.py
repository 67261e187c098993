"""Which pairs of references a rule sees, and the threshold that it draws from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from benchmarks.leave_one_out.rules import (
    BLOCK,
    CANDIDATES,
    Pair,
    by_bulk,
    by_nearest,
    by_tail,
    nearest,
    no_clusters,
    no_copies,
    no_series,
)
from memguard.calibration.contamination import SERIES
from memguard.detection.signals import CopyEvidence

FAR, NEAR = -5.0, -20.0


def pairs(distances: Mapping[str, Mapping[str, float]]) -> dict[str, list[Pair]]:
    return {
        name: [Pair(name, other, value, is_copy=False) for other, value in others.items()]
        for name, others in distances.items()
    }


def others(kept: Mapping[str, Sequence[Pair]], name: str) -> set[str]:
    return {one.other for one in kept[name]}


def test_thresholds_named_here_are_those_of_the_signal() -> None:
    assert CopyEvidence.default.memorized == BLOCK


def test_copies_are_left_out_whatever_their_distance() -> None:
    given = {"a": [Pair("a", "b", FAR, is_copy=True), Pair("a", "c", NEAR, is_copy=False)]}
    assert others(no_copies(given), "a") == {"c"}


def test_a_cluster_reaches_over_its_members() -> None:
    given = pairs({"a": {"b": NEAR, "c": FAR, "d": FAR}, "b": {"c": NEAR}, "c": {}, "d": {}})
    assert others(no_clusters(given), "a") == {"d"}


def test_a_series_is_left_out_but_not_a_whole_domain() -> None:
    series = {str(i): NEAR for i in range(SERIES)}
    assert others(no_series(pairs({"a": {**series, "far": FAR}})), "a") == {"far"}
    domain = {**series, "one more": NEAR}
    assert others(no_series(pairs({"a": domain})), "a") == set(domain)


def test_a_few_near_pairs_move_the_nearest_and_the_tail_but_not_the_bulk() -> None:
    rng = np.random.default_rng(0)
    distances = np.concatenate([rng.normal(-5, 1, 280), rng.uniform(-50, -30, 20)])
    assert by_bulk(distances) == BLOCK
    assert by_nearest(distances) < -40
    assert by_tail(distances) < -40


def test_a_domain_that_is_alike_moves_the_bulk() -> None:
    assert by_bulk(np.random.default_rng(0).normal(-20, 4, 300)) < BLOCK - 4


def test_every_candidate_gives_at_most_the_default() -> None:
    rng = np.random.default_rng(1)
    given = pairs({str(i): {str(i + 1): float(rng.normal(-6, 2))} for i in range(100)})
    for keep, choose in CANDIDATES.values():
        assert choose(nearest(keep(given))) <= BLOCK
