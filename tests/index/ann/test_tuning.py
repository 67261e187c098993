"""The recall of copies that a build measures, and the settings it chooses."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from fixtures.clustered_rows import clustered, copies_of
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, Metric, distances
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.tuning import (
    CANDIDATES,
    NEAREST,
    SPARE,
    Copies,
    ExactRanks,
    noisy,
    tuned,
    warn_of_losses,
)

VECTORS = DescriptorSpec("vector", "cosine", 64, "m", "p")


class Losing:
    """A search that needs some lists and some candidates to find even copies, odd ones never."""

    def __init__(self, nprobe: int, rank: int, lost: set[int]) -> None:
        self.nprobe, self.rank, self.lost = nprobe, rank, lost

    def __len__(self) -> int:
        return 64_000

    def propose(
        self, queries: NDArray[np.float32], count: int, *, nprobe: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        found = np.full((len(queries), count), -1, dtype=np.int64)
        for i in set(range(len(queries))) - self.lost:
            if nprobe >= self.nprobe:
                found[i, self.rank] = i
        return np.zeros(found.shape, dtype=np.float32), found


def copies(count: int) -> Copies:
    return Copies(np.zeros((count, 64), dtype=np.float32), np.arange(count))


def test_the_cheapest_settings_that_find_the_copies_are_chosen() -> None:
    choice = tuned(
        VECTORS, AnnChoice("PCA64,IVF64,RaBitQ", 1), Losing(8, 20, set()), copies(400), 64
    )
    assert (choice.nprobe, choice.candidates, choice.recall) == (8, SPARE * 32, 1.0)


def test_the_recall_is_that_of_copies_that_were_not_tuned_on() -> None:
    lost = set(range(1, 41, 2))
    choice = tuned(VECTORS, AnnChoice("PCA64,IVF64,RaBitQ", 1), Losing(4, 3, lost), copies(400), 64)
    assert (choice.nprobe, choice.candidates) == (4, SPARE * 8)
    assert choice.recall == pytest.approx(0.9)


def test_copies_that_no_setting_finds_cost_no_effort() -> None:
    lost = set(range(100))
    choice = tuned(VECTORS, AnnChoice("PCA64,IVF64,RaBitQ", 1), Losing(4, 3, lost), copies(400), 64)
    assert (choice.nprobe, choice.candidates) == (4, SPARE * CANDIDATES[0])
    assert choice.recall == pytest.approx(0.75)


def test_a_byte_a_component_that_loses_no_copies_is_taken_as_it_is_found() -> None:
    """Stored rows are read only where that finds copies that would be lost."""
    choice = tuned(VECTORS, AnnChoice("IVF64,SQ8", 1), Losing(4, 3, set()), copies(400), 64)
    assert (choice.nprobe, choice.candidates, choice.recall) == (4, 0, 1.0)
    choice = tuned(VECTORS, AnnChoice("IVF64,SQ8", 1), Losing(4, 20, set()), copies(400), 64)
    assert (choice.nprobe, choice.candidates, choice.recall) == (4, SPARE * 32, 1.0)


@pytest.mark.parametrize(("metric", "dimension"), [("cosine", 64), ("hamming", 64), ("rms", 64)])
def test_only_copies_whose_reference_an_exact_search_finds_count(
    metric: Metric, dimension: int
) -> None:
    spec = DescriptorSpec("signal", metric, dimension, "m", "p")
    rows = clustered(spec, 1000, seed=0)
    made = copies_of(spec, rows, count=100)
    made.originals[:30] = (made.originals[:30] + 500) % 1000
    ranks = ExactRanks(spec, made, rows.__getitem__)
    for block in np.array_split(rows, 3):
        ranks.add(block)
    found = ranks.found()
    expected = [
        original
        for row, original in zip(made.rows, made.originals)
        if original in np.argsort(distances(spec, row, rows))[:NEAREST]
    ]
    assert set(found.originals.tolist()) <= set(expected)
    assert len(found.rows) >= 0.9 * len(expected)


def test_a_reference_among_many_equal_ones_does_not_count() -> None:
    rows = clustered(VECTORS, 1000, seed=0)
    rows[:50] = rows[0]
    made = Copies(rows[[0, 600]], np.array([0, 600]))
    ranks = ExactRanks(VECTORS, made, rows.__getitem__)
    ranks.add(rows)
    assert ranks.found().originals.tolist() == [600]


@pytest.mark.parametrize("metric", ["cosine", "hamming"])
def test_rows_with_noise_are_near_their_rows(metric: Metric) -> None:
    spec = DescriptorSpec("signal", metric, 512, "m", "p")
    rows = clustered(spec, 1000, seed=0)
    stand_ins = noisy(spec, len(rows), rows.__getitem__)
    near = [
        distances(spec, row, rows[[original]])[0]
        for row, original in zip(stand_ins.rows, stand_ins.originals)
    ]
    assert np.mean(near) == pytest.approx(0.2 if metric == "cosine" else 51.2, rel=0.1)


def test_a_warning_names_the_setting_that_mends_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_losses("sscd", AnnChoice("IVF4096,SQ8", 1, 16, 32, 0.99))
        warn_of_losses("sscd", AnnChoice("IVF4096,SQ8", 1, 16, 32, None))
        assert not caplog.records
        warn_of_losses("sscd", AnnChoice("PCAR128,IVF4096,RaBitQ", 1, 16, 256, 0.9512))
        warn_of_losses("vlad", AnnChoice("IVF4096,SQ8", 1, 512, 256, 0.9))
    small, coarse = (record.getMessage() for record in caplog.records)
    assert "by sscd (PCAR128,IVF4096,RaBitQ) finds 95.1 %" in small
    assert "--memory" in small
    assert "nprobe in the manifest, 512 now" in coarse
