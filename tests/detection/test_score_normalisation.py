"""Normalised distances, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from memguard.detection.score_normalisation import NEAREST, OWN_CLUSTER
from memguard.detection.score_normalisation import normalised as matrix


def unit(*angles: float) -> np.ndarray:
    """Rows of length 1 in the plane, at these angles in degrees."""
    turned = np.radians(angles)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def normalised(query: np.ndarray, candidate: np.ndarray, background: np.ndarray) -> float:
    return float(matrix(query[None], candidate[None], background)[0, 0])


def cosine(degrees: float) -> float:
    return float(np.cos(np.radians(degrees)))


def test_the_mean_distance_to_the_background_is_subtracted() -> None:
    (query, candidate), background = unit(0, 30), unit(120, 180)
    expected = (1 - cosine(30)) - ((1 - cosine(120)) + (1 - cosine(180))) / 2
    assert normalised(query, candidate, background) == pytest.approx(expected, abs=1e-6)


def test_only_the_nearest_background_counts() -> None:
    (query, candidate) = unit(0, 5)
    background = np.concatenate([unit(*[180] * 20), unit(*[90] * NEAREST)])
    assert normalised(query, candidate, background) == pytest.approx(1 - cosine(5) - 1, abs=1e-6)


def test_versions_of_the_candidate_are_no_background() -> None:
    """Within a cosine distance of 0.5, which is 60 degrees, of the candidate."""
    assert pytest.approx(1 - cosine(60)) == OWN_CLUSTER
    (query, candidate) = unit(0, 0)
    background = np.concatenate([unit(0, 10, 55), unit(90)])
    assert normalised(query, candidate, background) == pytest.approx(-1, abs=1e-6)


def test_without_any_background_the_usual_distance_is_that_of_strangers() -> None:
    (query, candidate) = unit(0, 40)
    expected = (1 - cosine(40)) - 1
    assert normalised(query, candidate, unit(30, 50)) == pytest.approx(expected, abs=1e-6)
    empty = np.zeros((0, 2), np.float32)
    assert normalised(query, candidate, empty) == pytest.approx(expected, abs=1e-6)


def test_a_query_of_a_common_kind_must_come_nearer() -> None:
    """The same distance to the candidate, with near and with far surroundings."""
    (query, candidate) = unit(0, 20)
    crowded, lonely = unit(-50, -55), unit(170, 190)
    assert normalised(query, candidate, crowded) > normalised(query, candidate, lonely) + 1


def test_many_at_once_are_each_one_by_itself() -> None:
    rng = np.random.default_rng(0)
    queries, candidates, background = (unit(*rng.uniform(0, 360, n)) for n in (4, 5, 40))
    together = matrix(queries, candidates, background)
    alone = [[normalised(query, row, background) for row in candidates] for query in queries]
    assert together == pytest.approx(np.array(alone), abs=1e-6)
