"""Copies by their pixels: training pictures with noise are copies, other pictures are not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from benchmarks.extraction.ground_truth import CRITERIA, RELATIVE, Truth, measure_truth
from benchmarks.extraction.pictures import SIDE, Example, TrainingSet

REPEATS = [*[4] * 2, *[1] * 58]


def example(number: int) -> Example:
    """Coarse random blocks: two of them are about 0.4 apart."""
    blocks = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    levels = blocks.repeat(SIDE // 8, axis=0).repeat(SIDE // 8, axis=1)
    return Example(f"picture-{number}", f"source {number}", levels, "")


def noisy(picture: Example, seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, 12, picture.levels.shape)
    return Image.fromarray((picture.levels + noise).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def truth() -> Truth:
    """Samples: the first picture twice, the last one, a left-out one, and one like nothing."""
    training = TrainingSet([example(number) for number in range(60)], REPEATS)
    left_out = [example(number) for number in range(100, 110)]
    first, last = training.examples[0], training.examples[-1]
    samples = [noisy(first), noisy(first, 1), noisy(last), noisy(left_out[3]), example(200).image]
    return measure_truth(samples, training, left_out)


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda criterion: criterion.name)
def test_noisy_training_pictures_are_copies(truth: Truth, criterion) -> None:
    assert criterion.copies(truth).tolist() == [True, True, True, False, False]
    assert criterion.others(truth).tolist() == [False, False, False, True, True]


def test_the_nearest_pictures_are_found(truth: Truth) -> None:
    assert truth.nearest[:3].tolist() == [0, 0, 59]
    assert truth.nearest_left_out[3] == 3
    assert (truth.left_out_relative < 1).tolist() == [False, False, False, True, False]


def test_levels_count_pictures_and_samples(truth: Truth) -> None:
    chance, once, four_times = truth.levels()
    assert (chance.repeats, chance.pictures, chance.extracted, chance.samples) == (0, 10, 1, 1)
    assert (once.repeats, once.pictures, once.extracted, once.samples) == (1, 58, 1, 1)
    assert (four_times.repeats, four_times.pictures) == (4, 2)
    assert (four_times.extracted, four_times.samples, four_times.rate) == (1, 2, 0.5)
    assert once.expected + four_times.expected == pytest.approx(5)


def test_eidetic_pictures_are_counted_by_their_files(truth: Truth) -> None:
    assert dict(truth.eidetic) == {1: 1, 4: 2}


def test_a_relative_distance_counts_each_picture_once(truth: Truth) -> None:
    once = TrainingSet(truth.pictures.examples, [1] * 60)
    left_out = [example(number) for number in range(100, 110)]
    samples = [noisy(truth.pictures.examples[0])]
    again = measure_truth(samples, once, left_out)
    assert RELATIVE.copies(again)[0]
    assert again.relative[0] == truth.relative[0]
