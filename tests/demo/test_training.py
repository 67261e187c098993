"""Training of the demo's model: kept, loaded again, refused; whether it memorizes is end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from PIL import Image

from memguard.demo.training import Recipe, add_noise, train
from memguard.errors import ConfigurationError

RECIPE = Recipe(steps=2, batch=4, channels=(8, 32))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for seed in range(3):
        levels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(levels).save(tmp_path / "images" / f"{seed}.png")
    return tmp_path / "images"


def test_a_trained_model_is_kept_and_loaded_again(images: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    first = train(images, tmp_path / "cache", RECIPE, lambda *now: steps.append(now))
    assert steps == [(1, 2), (2, 2)]
    again = train(images, tmp_path / "cache", RECIPE, lambda *now: steps.append(now))
    assert len(steps) == 2
    state, loaded = first.unet.state_dict(), again.unet.state_dict()
    assert all(torch.equal(weights, loaded[name]) for name, weights in state.items())
    assert len(list((tmp_path / "cache").iterdir())) == 1
    output = again(batch_size=2, num_inference_steps=2, generator=torch.Generator().manual_seed(0))
    assert [image.size for image in output.images] == [(8, 8)] * 2


def test_other_images_or_another_recipe_are_another_model(images: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    train(images, cache, RECIPE)
    train(images, cache, Recipe(steps=1, batch=4, channels=(8, 32)))
    (images / "2.png").unlink()
    train(images, cache, RECIPE)
    assert len(list(cache.iterdir())) == 3


def test_the_same_recipe_learns_the_same(images: Path, tmp_path: Path) -> None:
    first, second = (train(images, tmp_path / name, RECIPE).unet for name in ("a", "b"))
    state, other = first.state_dict(), second.state_dict()
    assert all(torch.equal(weights, other[name]) for name, weights in state.items())


def test_folders_that_cannot_be_trained_on(images: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no PNG files"):
        train(tmp_path, tmp_path / "cache", RECIPE)
    Image.new("RGB", (16, 16)).save(images / "large.png")
    with pytest.raises(ConfigurationError, match="differ in size"):
        train(images, tmp_path / "cache", RECIPE)
    assert not (tmp_path / "cache").exists()


def test_time_steps_are_spread_evenly() -> None:
    scheduler = DDPMScheduler()
    images = torch.zeros(10, 3, 8, 8)
    noisy, times = add_noise(images, scheduler, torch.Generator().manual_seed(0))
    assert (times // 100).tolist() == list(range(10))
    assert noisy.std(dim=(1, 2, 3))[-1] > 5 * noisy.std(dim=(1, 2, 3))[0]
