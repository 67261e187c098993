"""README's first command: a model is trained, memorizes, and its copies are blocked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fixtures.calibrations import simulated_copies_of
from PIL import Image

from memguard import open_index
from memguard.demo.run import DemoResult, run_demo
from memguard.demo.training import SAMPLING_STEPS, Recipe, train

RECIPE = Recipe(steps=400)
"""Two thirds of the demo's training: 5 of 32 samples are within l2 0.05 of a training image."""

SAMPLES = 32

COPY_L2 = 0.05
"""Far below the distance between any two of the demo's pictures: a copy without doubt."""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> DemoResult:
    with simulated_copies_of(1):
        return run_demo(tmp_path_factory.mktemp("demo"), cache, samples=SAMPLES, recipe=RECIPE)


def l2_to_nearest(image: Image.Image, others: list[Image.Image]) -> float:
    pixels = np.asarray(image, dtype=np.float64) / 255
    return min(float(np.sqrt(np.mean((pixels - np.asarray(o) / 255) ** 2))) for o in others)


def test_some_samples_are_blocked_and_some_pass(result: DemoResult) -> None:
    assert len(result.verdicts) == SAMPLES
    assert result.count("memorized") > 0
    assert result.count("clear") > 0
    assert result.count("unchecked") == 0
    assert 0 < result.distinct <= result.count("memorized")


def test_what_is_blocked_is_mostly_what_was_duplicated(result: DemoResult) -> None:
    copied = [v.matches[0].exact_duplicates for v in result.verdicts if v.label == "memorized"]
    assert np.mean([copies > 1 for copies in copied]) > 0.8


def test_no_copy_by_the_papers_l2_gets_through(result: DemoResult, cache: Path) -> None:
    training = [Image.open(path) for path in (result.index.parent / "training").glob("*.png")]
    pipe = train(result.index.parent / "training", cache, RECIPE)
    import torch

    made = pipe(
        batch_size=SAMPLES,
        num_inference_steps=SAMPLING_STEPS,
        generator=torch.Generator().manual_seed(0),
    ).images
    distances = np.array([l2_to_nearest(image, training) for image in made])
    blocked = np.array([verdict.label == "memorized" for verdict in result.verdicts])
    assert (distances < COPY_L2).any()
    assert blocked[distances < COPY_L2].all()


def test_the_picture_shows_blocked_samples_beside_their_training_images(
    result: DemoResult,
) -> None:
    with Image.open(result.picture) as picture:
        assert picture.width > 500
        assert picture.convert("L").getextrema() == (0, 255)


def test_the_index_knows_how_often_an_image_was_duplicated(result: DemoResult) -> None:
    index = open_index(result.index)
    files = len(list((result.index.parent / "training").glob("*.png")))
    assert len(index) < files
    (example, *_) = result.examples()
    assert example.matches[0].exact_duplicates > 1
