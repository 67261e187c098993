"""Seeds that follow from a generator, a position and an attempt."""

from __future__ import annotations

import numpy as np
import torch

from memguard.pipelines.seeds import SEED_BITS, derived_seed, reseeded


def test_a_derived_seed_follows_from_the_bytes() -> None:
    assert derived_seed(b"0/0/0") == 710583172
    seeds = {derived_seed(str(number).encode()) for number in range(500)}
    assert len(seeds) == 500
    assert min(seeds) >= 0
    assert 1 << (SEED_BITS - 1) < max(seeds) < 1 << SEED_BITS


def test_only_seeds_change() -> None:
    given = {"prompt": "the sea", "seed": 3, "steps": 3}
    fresh = reseeded(given, 0, 1)
    assert {name for name in given if fresh[name] != given[name]} == {"seed"}
    assert given["seed"] == 3
    assert fresh == reseeded(given, 0, 1)
    assert fresh["seed"] not in (reseeded(given, 1, 1)["seed"], reseeded(given, 0, 2)["seed"])


def test_a_numpy_integer_is_the_same_seed() -> None:
    assert reseeded({"seed": np.int64(3)}, 0, 1) == reseeded({"seed": 3}, 0, 1)


def test_each_generator_of_a_list_is_reseeded_and_stays_on_its_device() -> None:
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    first, second = reseeded({"generator": generators}, 0, 1)["generator"]
    assert len({1, 2, first.initial_seed(), second.initial_seed()}) == 4
    assert first.device == generators[0].device


def test_no_seed_and_generators_of_other_libraries_pass() -> None:
    rng = np.random.default_rng(0)
    assert reseeded({"seed": None, "generator": rng}, 0, 1) == {"seed": None, "generator": rng}
