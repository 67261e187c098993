"""Polygons: overlaps by hand, and of many parallelograms beside a grid of points."""

from __future__ import annotations

import numpy as np
import pytest

from memguard.vision.polygons import UNIT_SQUARE, Points, area, overlap


def parallelogram(rng: np.random.Generator) -> Points:
    edges = rng.normal(0, 0.6, (2, 2))
    return (UNIT_SQUARE - 0.5) @ edges + rng.uniform(0, 1, 2)


def inside(polygon: Points, points: Points) -> np.ndarray:
    within = (points - polygon[0]) @ np.linalg.inv(polygon[[1, 3]] - polygon[0])
    return ((within >= 0) & (within <= 1)).all(axis=1)


def test_overlaps_cover_the_points_that_both_cover() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform(-1, 2, (20_000, 2))
    for _ in range(50):
        left, right = parallelogram(rng), parallelogram(rng)
        both = (inside(left, points) & inside(right, points)).mean() * 9
        assert area(overlap(left, right)) == pytest.approx(both, abs=0.1)
        assert area(overlap(right[::-1], left)) == pytest.approx(area(overlap(left, right)))


def test_edges_that_almost_coincide() -> None:
    """Those of a crop's region; OpenCV returns half of it."""
    crop = np.array([(-1e-4, 1e-4), (1.0001, -1e-4), (1.0002, 1.0001), (1e-4, 0.9998)])
    assert area(overlap(crop, UNIT_SQUARE)) == pytest.approx(1, abs=1e-3)


def test_corners_keep_their_order() -> None:
    moved = UNIT_SQUARE[::-1] + np.array([0.5, 0])
    found = overlap(moved, UNIT_SQUARE)
    assert found.tolist() == [[0.5, 1], [1, 1], [1, 0], [0.5, 0]]
    assert overlap(UNIT_SQUARE + 2, UNIT_SQUARE).shape == (0, 2)
    assert area(np.empty((0, 2))) == 0
