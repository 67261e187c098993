"""How pipelines are called, seeded and read, on real tiny pipelines and on plain functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from fixtures import tiny_pipelines
from fixtures.calibrations import Calibrated
from PIL import Image

from memguard import guard
from memguard.auditing.generation import PipelineCaller, image_seed
from memguard.errors import ConfigurationError, UnsupportedOutputError

SEEDS = (11, 12, 13)


def levels(made: list[Any]) -> list[np.ndarray]:
    return [np.asarray(each.picture) for each in made]


@pytest.fixture(scope="module")
def diffusion() -> Any:
    return tiny_pipelines.stable_diffusion()


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_each_image_of_a_diffusers_pipeline_has_its_own_seed(
    diffusion: Any, output_type: str
) -> None:
    arguments = {"num_inference_steps": 2, "height": 64, "width": 64, "output_type": output_type}
    caller = PipelineCaller(diffusion, arguments)
    assert caller.seeded
    assert caller.recorded_seeds(SEEDS) == [11, 12, 13]
    made = caller.generate("the sea", SEEDS)
    assert [each.status for each in made] == ["made"] * 3
    alone = diffusion(
        prompt="the sea",
        generator=torch.Generator().manual_seed(12),
        **{**arguments, "output_type": "pil"},
    ).images[0]
    difference = np.abs(levels(made)[1].astype(int) - np.asarray(alone))
    assert difference.max() <= 1, "but for rounding in a batch of another size"
    assert np.array_equal(levels(caller.generate("the sea", SEEDS))[2], levels(made)[2])


def test_an_unconditional_pipeline() -> None:
    caller = PipelineCaller(tiny_pipelines.ddpm(), {"num_inference_steps": 2})
    made = caller.generate(None, SEEDS)
    assert len(made) == 3
    (again,) = levels(caller.generate(None, SEEDS[1:2]))
    assert np.abs(levels(made)[1].astype(int) - again).max() <= 1


def test_a_function_with_one_generator_a_call() -> None:
    def pipeline(text: str, batch_size: int, generator: torch.Generator) -> list[Image.Image]:
        assert text == "the sea"
        noise = torch.rand((batch_size, 8, 8, 3), generator=generator)
        return [Image.fromarray(one.mul(255).byte().numpy()) for one in noise]

    caller = PipelineCaller(pipeline, {})
    assert caller.recorded_seeds(SEEDS) == [11, 11, 11]
    assert len(caller.generate("the sea", SEEDS)) == 3
    assert not np.array_equal(*levels(caller.generate("the sea", SEEDS))[:2])


def test_a_function_with_a_seed_and_one_without() -> None:
    def seeded(prompt: str, seed: int) -> Image.Image:
        rng = np.random.default_rng(seed)
        return Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))

    caller = PipelineCaller(seeded, {})
    assert caller.recorded_seeds(SEEDS) == [11, 11, 11]
    (first,) = levels(caller.generate("a", SEEDS))
    assert np.array_equal(first, np.asarray(seeded("a", 11)))

    caller = PipelineCaller(lambda prompt: [seeded(prompt, 1), seeded(prompt, 2)], {})
    assert not caller.seeded
    assert caller.recorded_seeds(SEEDS) == [None, None, None]
    assert len(caller.generate("a", SEEDS)) == 2, "as many as one call gives"
    assert len(caller.generate("a", SEEDS[:1])) == 1, "but not more than asked for"


def test_a_class_that_hands_arguments_on_to_its_base() -> None:
    class Base:
        def __call__(self, prompt: str, batch_size: int, seed: int) -> list[Image.Image]:
            rng = np.random.default_rng(seed)
            return [
                Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
                for _ in range(batch_size)
            ]

    class Derived(Base):
        def __call__(self, *args: Any, **kwargs: Any) -> list[Image.Image]:
            return super().__call__(*args, **kwargs)

    caller = PipelineCaller(Derived(), {})
    assert caller.seeded
    assert len(caller.generate("a", SEEDS)) == 3


def test_blank_and_unreadable_images_are_told_apart() -> None:
    noise = np.random.default_rng(0).random((8, 8, 3))
    broken = np.full((8, 8, 3), np.nan)
    caller = PipelineCaller(lambda prompt: np.stack([noise, 0 * noise, broken]), {})
    made = caller.generate("a", range(3))
    assert [each.status for each in made] == ["made", "blank", "unreadable"]


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("block", ["withheld", "made"]), ("flag", ["made"] * 2), ("raise", ["withheld"] * 2)],
)
def test_what_a_guard_withheld(
    calibrated: Calibrated, cat: Image.Image, policy: Any, expected: list[str]
) -> None:
    novel = Image.open(calibrated.negatives / "003.png")
    guarded = guard(lambda prompt: [cat, novel], calibrated.path, policy=policy)
    caller = PipelineCaller(guarded, {})
    assert [each.status for each in caller.generate("a cat", SEEDS)] == expected
    assert caller.name.endswith(f"guarded ({policy} at memorized)")


def test_calls_that_make_no_sense() -> None:
    with pytest.raises(ConfigurationError, match="made by a pipeline, not a str"):
        PipelineCaller("no pipeline", {})  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="memguard itself sets batch_size, prompt"):
        PipelineCaller(print, {"prompt": "a", "batch_size": 2})
    with pytest.raises(UnsupportedOutputError, match="returned no images"):
        PipelineCaller(lambda prompt: [], {}).generate("a", SEEDS)


def test_how_a_call_is_described() -> None:
    caller = PipelineCaller(print, {"steps": 2, "image": Image.new("RGB", (2, 2))})
    assert caller.plain_arguments == {"image": "<Image>", "steps": 2}
    assert caller.name == "builtins.print"


def test_seeds_follow_from_three_numbers() -> None:
    seeds = {image_seed(a, b, c) for a in range(5) for b in range(5) for c in range(5)}
    assert len(seeds) == 125
    assert image_seed(0, 0, 0) == 710583172
    assert all(0 <= seed < 2**31 for seed in seeds)
