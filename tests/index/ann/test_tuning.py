"""The search settings that tuning chooses, and the recall that it records."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.recall import RecallProbe
from memguard.index.ann.tuning import CANDIDATES, SPARE_CANDIDATES, tune, warn_of_low_recall

VECTORS = DescriptorSpec("vector", "cosine", 64, "m", "p")


class Losing:
    """A search that needs some nprobe and some candidates to find copies, and never finds some."""

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


def copies(count: int) -> RecallProbe:
    return RecallProbe(np.zeros((count, 64), dtype=np.float32), np.arange(count))


def test_the_cheapest_settings_that_find_the_copies_are_chosen() -> None:
    choice = tune(
        VECTORS, AnnChoice("PCA64,IVF64,RaBitQ", 1), Losing(8, 20, set()), copies(400), 64
    )
    assert (choice.nprobe, choice.candidates, choice.recall) == (8, SPARE_CANDIDATES * 32, 1.0)


def test_the_recall_is_that_of_copies_that_were_not_tuned_on() -> None:
    lost = set(range(1, 41, 2))
    choice = tune(VECTORS, AnnChoice("PCA64,IVF64,RaBitQ", 1), Losing(4, 3, lost), copies(400), 64)
    assert (choice.nprobe, choice.candidates) == (4, SPARE_CANDIDATES * 8)
    assert choice.recall == pytest.approx(0.9)


def test_copies_that_no_setting_finds_cost_no_effort() -> None:
    lost = set(range(100))
    choice = tune(VECTORS, AnnChoice("PCA64,IVF64,RaBitQ", 1), Losing(4, 3, lost), copies(400), 64)
    assert (choice.nprobe, choice.candidates) == (4, SPARE_CANDIDATES * CANDIDATES[0])
    assert choice.recall == pytest.approx(0.75)


def test_a_byte_a_component_that_loses_no_copies_is_taken_as_it_is_found() -> None:
    """Candidates are reranked only where that finds copies that would be lost."""
    choice = tune(VECTORS, AnnChoice("IVF64,SQ8", 1), Losing(4, 3, set()), copies(400), 64)
    assert (choice.nprobe, choice.candidates, choice.recall) == (4, 0, 1.0)
    choice = tune(VECTORS, AnnChoice("IVF64,SQ8", 1), Losing(4, 20, set()), copies(400), 64)
    assert (choice.nprobe, choice.candidates, choice.recall) == (4, SPARE_CANDIDATES * 32, 1.0)


def test_a_warning_names_the_setting_that_mends_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        warn_of_low_recall("sscd", AnnChoice("IVF4096,SQ8", 1, 16, 32, 0.99))
        warn_of_low_recall("sscd", AnnChoice("IVF4096,SQ8", 1, 16, 32, None))
        assert not caplog.records
        warn_of_low_recall("sscd", AnnChoice("PCAR128,IVF4096,RaBitQ", 1, 16, 256, 0.9512))
        warn_of_low_recall("vlad", AnnChoice("IVF4096,SQ8", 1, 512, 256, 0.9))
    small, coarse = (record.getMessage() for record in caplog.records)
    assert "by sscd (PCAR128,IVF4096,RaBitQ) finds 95.1 %" in small
    assert "--memory" in small
    assert "nprobe in the manifest, 512 now" in coarse
