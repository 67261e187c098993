"""Which simulated copies count in the recall of an index."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.clustered_vectors import InMemory, clustered, copies_of

from memguard.descriptors.base import DescriptorSpec, Metric, distances
from memguard.index.ann.recall import RECALL_AT, ExactSearch, RecallProbe, noisy_probe

VECTORS = DescriptorSpec("vector", "cosine", 64, "m", "p")


@pytest.mark.parametrize(("metric", "dimension"), [("cosine", 64), ("hamming", 64)])
def test_only_copies_whose_reference_an_exact_search_finds_count(
    metric: Metric, dimension: int
) -> None:
    spec = DescriptorSpec("signal", metric, dimension, "m", "p")
    vectors = clustered(spec, 1000, seed=0)
    made = copies_of(spec, vectors, count=100)
    made.originals[:30] = (made.originals[:30] + 500) % 1000
    exact = ExactSearch(spec, made, InMemory(vectors))
    for block in np.array_split(vectors, 3):
        exact.add(block)
    found = exact.found()
    expected = [
        original
        for copy, original in zip(made.vectors, made.originals)
        if original in np.argsort(distances(spec, copy, vectors))[:RECALL_AT]
    ]
    assert set(found.originals.tolist()) <= set(expected)
    assert len(found.vectors) >= 0.9 * len(expected)


def test_a_reference_among_many_equal_ones_does_not_count() -> None:
    vectors = clustered(VECTORS, 1000, seed=0)
    vectors[:50] = vectors[0]
    made = RecallProbe(vectors[[0, 600]], np.array([0, 600]))
    exact = ExactSearch(VECTORS, made, InMemory(vectors))
    exact.add(vectors)
    assert exact.found().originals.tolist() == [600]


@pytest.mark.parametrize("metric", ["cosine", "hamming"])
def test_noisy_vectors_are_near_those_that_they_were_made_of(metric: Metric) -> None:
    spec = DescriptorSpec("signal", metric, 512, "m", "p")
    vectors = clustered(spec, 1000, seed=0)
    probe = noisy_probe(spec, InMemory(vectors))
    near = [
        distances(spec, copy, vectors[[original]])[0]
        for copy, original in zip(probe.vectors, probe.originals)
    ]
    assert np.mean(near) == pytest.approx(0.2 if metric == "cosine" else 51.2, rel=0.1)
