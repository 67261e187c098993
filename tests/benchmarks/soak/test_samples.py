"""Growth is told from noise."""

from __future__ import annotations

import os

import numpy as np
import pytest

from benchmarks.soak.samples import sample, slope

SECONDS = list(range(600))


def test_noise_is_flat() -> None:
    values = np.random.default_rng(0).normal(500, 5, len(SECONDS))
    found = slope(SECONDS, list(values))
    assert found.is_flat
    assert found.low < 0 < found.high
    assert found.first == pytest.approx(500, abs=3)


def test_a_leak_is_not() -> None:
    noise = np.random.default_rng(0).normal(0, 5, len(SECONDS))
    found = slope(SECONDS, [500 + second / 20 + one for second, one in zip(SECONDS, noise)])
    assert not found.is_flat
    assert found.low < 180 < found.high, "MiB in an hour"


def test_too_few_samples() -> None:
    with pytest.raises(ValueError, match="too few"):
        slope([1, 2], [1, 2])


def test_an_open_file_is_counted() -> None:
    before = sample()
    descriptor = os.open(os.devnull, os.O_RDONLY)
    after = sample()
    os.close(descriptor)
    assert after.descriptors == before.descriptors + 1
    assert 0 < after.memory < after.address_space
    assert after.threads >= 1
