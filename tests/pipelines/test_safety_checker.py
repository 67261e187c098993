"""A guard in the ``safety_checker`` slot of real Stable Diffusion pipelines."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DiffusionPipeline, StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from fixtures.guarded_images import COPY, NOVEL, QUICK, drawing, generator, is_blank, unit
from fixtures.tiny_pipelines import stable_diffusion
from transformers import CLIPConfig, CLIPImageProcessor

from memguard import ConfigurationError, MemorizedImageError, SafetyChecker


def own_checker() -> StableDiffusionSafetyChecker:
    """The safety checker of Stable Diffusion, of random weights and small."""
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 32, "projection_dim": 32}
    vision = {**sizes, "image_size": 32, "patch_size": 16}
    return StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=32))


@pytest.fixture(scope="module")
def slotted() -> StableDiffusionPipeline:
    """A pipeline that was loaded with a safety checker of its own."""
    without = stable_diffusion()
    small = {"height": 32, "width": 32}
    pipeline = StableDiffusionPipeline(
        **{
            **without.components,
            "safety_checker": own_checker(),
            "feature_extractor": CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=small),
        }
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def the_sea(pipeline: Any, **options: Any) -> Any:
    return pipeline("the sea", **QUICK, generator=generator(), **options)


@pytest.fixture
def checked(slotted: StableDiffusionPipeline, index: Path) -> StableDiffusionPipeline:
    slotted.safety_checker = SafetyChecker(index)
    return slotted


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_a_copy_is_grey_and_named(checked: Any, output_type: str) -> None:
    output = the_sea(checked, output_type=output_type)
    assert output.nsfw_content_detected == [True]
    (image,) = output.images
    assert is_blank(image)
    level = np.asarray(image).flat[0]
    assert level == (127 if output_type == "pil" else pytest.approx(127 / 255, abs=1e-3))
    assert [verdict.label for verdict in checked.safety_checker.last_verdicts] == ["memorized"]


def test_others_come_as_without_a_checker(checked: Any) -> None:
    options = {**QUICK, "num_images_per_prompt": 2, "output_type": "np"}
    output = checked("a hill", **options, generator=torch.Generator().manual_seed(6))
    assert output.nsfw_content_detected == [False, False]
    checked.safety_checker = None
    plain = checked("a hill", **options, generator=torch.Generator().manual_seed(6))
    assert np.array_equal(output.images, plain.images)


def test_it_takes_what_the_pipelines_own_checker_takes(index: Path) -> None:
    names = list(inspect.signature(StableDiffusionSafetyChecker.forward).parameters)
    assert sorted(names) == ["clip_input", "images", "self"]
    ours, own = SafetyChecker(index), own_checker()
    for images in (np.stack([unit(NOVEL)]), torch.zeros(1, 3, 64, 64)):
        batch = {"images": images, "clip_input": torch.zeros(1, 3, 32, 32)}
        for checker in (ours, own):
            shown, found = checker(**batch)
            assert type(shown) is type(images)
            assert shown.shape == images.shape
            assert found == [False]


@pytest.mark.parametrize("kind", ["array", "tensor", "half"])
def test_each_image_of_a_batch(kind: str, index: Path) -> None:
    levels = np.stack([unit(NOVEL), unit(COPY), unit(NOVEL + 1)])
    images: Any = levels
    if kind != "array":
        images = torch.from_numpy(levels.transpose(0, 3, 1, 2) * 2 - 1)
        images = images.half() if kind == "half" else images
    before = images.copy() if kind == "array" else images.clone()
    shown, found = SafetyChecker(index)(images)
    assert found == [False, True, False]
    assert (images == before).all()
    assert shown.dtype == images.dtype
    assert (shown[0] == images[0]).all()
    assert (shown[2] == images[2]).all()
    assert is_blank(shown[1])
    assert float(shown[1].flatten()[0]) == pytest.approx(127 / 255, abs=1e-3)


def test_a_bright_tensor_is_read_in_the_range_of_tensors(index: Path) -> None:
    bright = torch.from_numpy(unit(COPY).transpose(2, 0, 1)[None] / 2 + 0.5)
    checker = SafetyChecker(index)
    checker(bright)
    shown = checker.guard.check(drawing(COPY).point(lambda level: level / 4 + 191))
    assert checker.last_verdicts[0].label == shown[0].label


def test_levels_that_are_not_finite_are_withheld(index: Path) -> None:
    images = torch.full((1, 3, 64, 64), float("nan"))
    checker = SafetyChecker(index)
    shown, found = checker(images)
    assert found == [True]
    assert torch.isfinite(shown).all()
    assert checker.last_verdicts[0].label == "unchecked"
    assert SafetyChecker(index, on_error="pass")(images)[1] == [False]


def test_policies(index: Path) -> None:
    copy = unit(COPY)[None]
    with pytest.raises(MemorizedImageError):
        SafetyChecker(index, policy="raise")(copy)
    shown, found = SafetyChecker(index, policy="flag")(copy)
    assert shown is copy
    assert found == [False]
    with pytest.raises(ConfigurationError, match="cannot generate again"):
        SafetyChecker(index, policy="regenerate")


def test_the_pipeline_is_saved_without_it(checked: Any, tmp_path: Path) -> None:
    checked.save_pretrained(tmp_path)
    loaded = DiffusionPipeline.from_pretrained(tmp_path, safety_checker=None)
    assert type(loaded) is StableDiffusionPipeline
    assert loaded.safety_checker is None
