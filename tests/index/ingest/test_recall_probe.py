"""Simulated copies of references, for measuring recall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memguard.descriptors import weightless_descriptors
from memguard.descriptors.base import distances
from memguard.index.base import BuildSummary
from memguard.index.ingest import recall_probe
from memguard.index.ingest.recall_probe import TRANSFORMS, simulate_copies
from memguard.index.store.canary import CANARIES
from memguard.index.store.tables import Tables

DESCRIPTORS = weightless_descriptors()


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recall_probe, "REFERENCES", 5)


def test_each_descriptor_describes_the_same_copies(built: tuple[Path, BuildSummary]) -> None:
    tables = Tables(built[0])
    probes = simulate_copies(DESCRIPTORS, tables, np.array([CANARIES, CANARIES + 1]))
    assert list(probes) == [one.spec.name for one in DESCRIPTORS]
    rows = probes["phash64"].originals
    assert len(np.unique(rows)) == 5
    assert len(rows) == 5 * len(TRANSFORMS)
    assert rows.min() > CANARIES + 1, "neither canaries nor excluded rows are copied"
    for descriptor in DESCRIPTORS:
        probe = probes[descriptor.spec.name]
        assert probe.originals.tolist() == rows.tolist()
        assert probe.vectors.shape == (len(rows), descriptor.spec.width)


def test_copies_are_near_their_originals(built: tuple[Path, BuildSummary]) -> None:
    tables = Tables(built[0])
    (pixels,) = (one for one in DESCRIPTORS if one.spec.name == "pixels")
    probe = simulate_copies([pixels], tables, np.empty(0, np.int64))["pixels"]
    every = np.concatenate(list(tables.column(pixels.spec)))
    nearest = [int(distances(pixels.spec, copy, every).argmin()) for copy in probe.vectors]
    assert (np.array(nearest) == probe.originals).mean() > 0.5


def test_nothing_to_copy(built: tuple[Path, BuildSummary]) -> None:
    tables = Tables(built[0])
    assert simulate_copies(DESCRIPTORS, tables, np.arange(len(tables))) == {}
    assert simulate_copies([], tables, np.empty(0, np.int64)) == {}
