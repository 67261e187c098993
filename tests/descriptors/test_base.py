"""The brute-force distances, on rows small enough to reckon by hand."""

from __future__ import annotations

import numpy as np
import pytest

from memguard.descriptors.base import DescriptorSpec, distances


def test_hamming_counts_bits() -> None:
    spec = DescriptorSpec("bits", "hamming", 16, "m", "p")
    rows = np.array([[0, 0], [255, 1], [3, 128]], np.uint8)
    assert distances(spec, np.array([1, 0], np.uint8), rows).tolist() == [1, 8, 2]
    assert spec.width == 2


def test_cosine_is_zero_for_the_same_and_two_for_the_opposite() -> None:
    spec = DescriptorSpec("c", "cosine", 2, "m", "p")
    rows = np.array([[1, 0], [0, 1], [-1, 0], [0.6, 0.8]], np.float32)
    np.testing.assert_allclose(distances(spec, rows[0], rows), [0, 1, 2, 0.4], atol=1e-6)
    assert spec.width == 2


@pytest.mark.parametrize(
    "changed",
    [{"model": "other"}, {"preprocessing": "other"}, {"weights_sha256": "b"}, {"dimension": 8}],
)
def test_specs_are_equal_only_if_rows_compare(changed: dict[str, object]) -> None:
    import dataclasses

    spec = DescriptorSpec("c", "cosine", 2, "m", "p", "here.pt", "a")
    assert dataclasses.replace(spec, weights="moved.pt") == spec
    assert dataclasses.replace(spec, **changed) != spec
