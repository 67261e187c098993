"""Relative l2 and eidetic memorization, against sets small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from memguard.auditing.distances import pairwise_l2
from memguard.auditing.eidetic import eidetic_counts, nearest
from memguard.vision.pixel_distances import relative_l2


def flat(*levels: int) -> np.ndarray:
    """One image of 4 x 4 pixels for each level: their l2 is the difference of levels / 255."""
    return np.stack([np.full((4, 4, 3), level, dtype=np.uint8) for level in levels])


def test_the_nearest_reference_and_how_much_nearer_it_is() -> None:
    references = flat(0, 50, 100, 150)
    found = nearest(flat(10, 149), references, neighbours=2)
    assert found.row.tolist() == [0, 3]
    assert found.distance == pytest.approx(np.array([10, 1]) / 255)
    # 10 / (0.5 * mean(10, 40)) and 1 / (0.5 * mean(1, 49))
    assert found.relative == pytest.approx([0.8, 0.08])


def test_blocks_are_as_good_as_the_whole() -> None:
    rng = np.random.default_rng(0)
    references = rng.integers(0, 256, (90, 8, 8, 3), dtype=np.uint8)
    samples = rng.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8)
    samples[4] = references[77]
    whole = nearest(samples, references)
    parts = nearest(samples, [references[:1], references[1:60], references[60:]])
    for name in ("row", "distance", "relative"):
        assert np.array_equal(getattr(whole, name), getattr(parts, name))
    distances = pairwise_l2(samples, references)
    assert whole.row.tolist() == distances.argmin(axis=1).tolist()
    assert whole.relative[4] == 0
    for row, relative in zip(distances, whole.relative):
        assert relative == pytest.approx(relative_l2(row.min()[None], row)[0])


def test_fewer_references_than_neighbours_and_no_samples() -> None:
    found = nearest(flat(10), flat(0, 50))
    assert found.relative == pytest.approx([10 / (0.5 * 25)])
    assert len(nearest(flat(10)[:0], flat(0)).relative) == 0


def test_eidetic_counts_by_hand() -> None:
    """0 and 3 are near each other; 100 is in 5 files; 200 is never generated."""
    references, file_counts = flat(0, 3, 100, 200), np.array([1, 1, 5, 1])
    samples = flat(1, 101)
    ks = (1, 2, 4, 5)
    delta = 4 / 255
    counts = eidetic_counts(samples, references, delta=delta, ks=ks, file_counts=file_counts)
    assert counts == {1: 0, 2: 2, 4: 2, 5: 3}
    counts = eidetic_counts(samples, references, delta=1.5 / 255, ks=ks, file_counts=file_counts)
    assert counts == {1: 1, 2: 1, 4: 1, 5: 2}, "a small delta extracts only 0, which is alone"
    counts = eidetic_counts(samples, [references[:2], references[2:]], delta=delta, ks=ks)
    assert counts == {1: 1, 2: 3, 4: 3, 5: 3}, "one file each"
    assert eidetic_counts(samples[:0], references, delta=delta, ks=(9,)) == {9: 0}


def test_the_metric_is_the_one_asked_for() -> None:
    """One tile of 16 differs by 64 levels: l2 is 16 / 255, tiled l2 64 / 255."""
    reference = flat(0)
    sample = reference.copy()
    sample[0, 0, 0] = 64
    for metric, distance in (("l2", 16 / 255), ("tiled_l2", 64 / 255)):
        for delta, expected in ((distance * 1.001, 1), (distance * 0.999, 0)):
            counts = eidetic_counts(sample, reference, delta=delta, ks=(1,), metric=metric)
            assert counts == {1: expected}
