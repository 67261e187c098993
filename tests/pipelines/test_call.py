"""Running a call again for one image: the right prompt, the right input image, a fresh seed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionImg2ImgPipeline, StableDiffusionPipeline
from fixtures.tiny_pipelines import PIXELS, picture, stable_diffusion
from PIL import Image

from memguard.pipelines.call import Call
from memguard.pipelines.seeds import SEED_BITS

PROMPTS = ["the sea", "a castle of glass", "an old cat"]
ROUNDING = 2 / 255
"""A batch and an image alone are the same picture up to rounding."""


@pytest.fixture(scope="module")
def text_to_image() -> StableDiffusionPipeline:
    return stable_diffusion()


@pytest.fixture(scope="module")
def image_to_image(text_to_image: StableDiffusionPipeline) -> StableDiffusionImg2ImgPipeline:
    pipeline = StableDiffusionImg2ImgPipeline.from_pipe(text_to_image)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def generators(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(count)]


def inputs() -> list[Image.Image]:
    upright = picture(PIXELS)
    return [upright, upright.rotate(90), upright.rotate(180)]


def embedded(pipeline: StableDiffusionPipeline) -> dict[str, Any]:
    embeds, negative = pipeline.encode_prompt(PROMPTS, "cpu", 1, True)
    return {"prompt_embeds": embeds, "negative_prompt_embeds": negative}


TEXT_CALLS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "one prompt": lambda _: {"prompt": PROMPTS[0]},
    "prompts": lambda _: {"prompt": PROMPTS},
    "negative prompts": lambda _: {"prompt": PROMPTS, "negative_prompt": ["red", "", "blue"]},
    "embeddings": embedded,
}

IMAGE_CALLS: dict[str, Callable[[], dict[str, Any]]] = {
    "one image": lambda: {"prompt": PROMPTS, "image": inputs()[0]},
    "images": lambda: {"prompt": PROMPTS, "image": inputs()},
    "images, one prompt": lambda: {"prompt": PROMPTS[:1] * 3, "image": inputs()},
    "tensor": lambda: {
        "prompt": PROMPTS,
        "image": torch.stack(
            [
                torch.from_numpy(np.asarray(image) / 255).permute(2, 0, 1).float()
                for image in inputs()
            ]
        ),
    },
    "array": lambda: {
        "prompt": PROMPTS,
        "image": np.stack([np.asarray(image, np.float32) / 255 for image in inputs()]),
    },
}


def assert_each_alone_is_the_same(pipeline: Any, arguments: dict[str, Any], count: int) -> None:
    """Call again for each image with its own old generator: it must be the very image again."""
    together = pipeline(**arguments, generator=generators(count), output_type="np").images
    assert len(together) == count
    call = Call(pipeline, (), {**arguments, "generator": generators(count), "output_type": "np"})
    for i, expected in enumerate(together):
        again, position = call.again(i, count, 1)
        assert position == 0
        assert len(again.kwargs["generator"]) == 1
        alone = pipeline(**{**again.kwargs, "generator": [generators(count)[i]]}).images
        assert len(alone) == 1
        assert np.abs(alone[0] - expected).max() <= ROUNDING
        others = np.delete(together, i, axis=0)
        assert np.abs(others - expected).max(axis=(1, 2, 3)).min() > 10 * ROUNDING


@pytest.mark.parametrize("per_prompt", [1, 2])
@pytest.mark.parametrize("arguments", TEXT_CALLS)
def test_prompts(text_to_image: Any, arguments: str, per_prompt: int) -> None:
    given = TEXT_CALLS[arguments](text_to_image)
    prompts = 1 if arguments == "one prompt" else len(PROMPTS)
    if prompts * per_prompt == 1:
        per_prompt = 3
    sizes = {"height": PIXELS, "width": PIXELS, "num_inference_steps": 2}
    given = {**given, **sizes, "num_images_per_prompt": per_prompt}
    assert_each_alone_is_the_same(text_to_image, given, prompts * per_prompt)


@pytest.mark.parametrize("per_prompt", [1, 2])
@pytest.mark.parametrize("arguments", IMAGE_CALLS)
def test_input_images(image_to_image: Any, arguments: str, per_prompt: int) -> None:
    given = IMAGE_CALLS[arguments]()
    quick = {"num_inference_steps": 4, "strength": 0.5, "num_images_per_prompt": per_prompt}
    assert_each_alone_is_the_same(image_to_image, {**given, **quick}, 3 * per_prompt)


def test_positional_arguments_are_known_by_their_names(text_to_image: Any) -> None:
    call = Call(text_to_image, (PROMPTS, PIXELS, PIXELS, 2), {"num_images_per_prompt": 2})
    again, _ = call.again(3, 6, 1)
    assert again.args == ()
    assert again.kwargs == {
        "prompt": PROMPTS[1:2],
        "height": PIXELS,
        "width": PIXELS,
        "num_inference_steps": 2,
        "num_images_per_prompt": 1,
    }


def test_latents_are_dropped_because_they_would_make_the_same_image(text_to_image: Any) -> None:
    latents = torch.randn(2, 4, PIXELS // 2, PIXELS // 2)
    again, _ = Call(text_to_image, (PROMPTS[:2],), {"latents": latents}).again(0, 2, 1)
    assert "latents" not in again.kwargs


def seeds_of(generator: torch.Generator | list[torch.Generator]) -> list[tuple[int, ...]]:
    """The seeds that a call would be given, for two images and two attempts."""

    def make(generator: Any, batch_size: int = 1) -> None: ...

    call = Call(make, (), {"generator": generator, "batch_size": 2})
    found = []
    for position in (0, 1):
        for attempt in (1, 2):
            again, _ = call.again(position, 2, attempt)
            fresh = again.kwargs["generator"]
            several = fresh if isinstance(fresh, list) else [fresh]
            found.append(tuple(each.initial_seed() for each in several))
    return found


@pytest.mark.parametrize("make", [lambda: generators(1)[0], lambda: generators(2)])
def test_seeds_are_fresh_for_each_image_and_attempt_and_repeat_with_the_call(make: Any) -> None:
    seeds = seeds_of(make())
    assert len(set(seeds)) == 4
    assert all(len(seed) == 1 for seed in seeds)
    assert seeds_of(make()) == seeds


def test_a_generator_that_has_moved_on_gives_other_seeds() -> None:
    generator = torch.Generator().manual_seed(0)
    first = seeds_of(generator)
    torch.randn(3, generator=generator)
    assert not set(seeds_of(generator)) & set(first)


def test_a_users_generator_is_left_as_it_is() -> None:
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    seeds_of(generator)
    assert torch.equal(generator.get_state(), before)


def prompt_and_seed(prompt: str, seed: Any) -> None: ...


def positional_only(prompt: str, seed: Any, /) -> None: ...


def keywords(prompt: str, **options: Any) -> None: ...


@pytest.mark.parametrize(
    ("call", "seed_of"),
    [
        (Call(prompt_and_seed, ("a", 3), {}), lambda call: call.args[1]),
        (Call(prompt_and_seed, ("a",), {"seed": 3}), lambda call: call.kwargs["seed"]),
        (Call(positional_only, ("a", 3), {}), lambda call: call.args[1]),
        (Call(keywords, ("a",), {"seed": 3}), lambda call: call.kwargs["seed"]),
        (Call(prompt_and_seed, ("a", np.int64(3)), {}), lambda call: call.args[1]),
        (Call(functools.partial(prompt_and_seed, "a"), (3,), {}), lambda call: call.args[0]),
        (Call(prompt_and_seed, ("a", [3, 4]), {}), lambda call: call.args[1][0]),
    ],
)
def test_a_plain_callable_is_called_whole_with_a_fresh_seed(call: Call, seed_of: Any) -> None:
    seeds = set()
    for attempt in (1, 2):
        again, position = call.again(1, 2, attempt)
        assert position == 1
        assert (len(again.args), again.kwargs.keys()) == (len(call.args), call.kwargs.keys())
        seeds.add(seed_of(again))
        assert 0 <= seed_of(again) < 1 << SEED_BITS
        assert seed_of(call.again(1, 2, attempt)[0]) == seed_of(again)
    assert len(seeds - {3}) == 2


def test_a_plain_callable_gets_as_many_generators_as_it_was_given(text_to_image: Any) -> None:
    def make(prompt: str, generator: list[torch.Generator]) -> Any:
        return text_to_image(
            [prompt] * 2, PIXELS, PIXELS, num_inference_steps=1, generator=generator
        ).images

    again, position = Call(make, ("the sea",), {"generator": generators(2)}).again(1, 2, 1)
    assert len(again.run()) == 2
    assert position == 1


def test_variable_arguments_stay_in_their_place() -> None:
    def make(first: str, *rest: Any, seed: int = 0) -> None: ...

    again, _ = Call(make, ("a", 1, 2), {"seed": 3}).again(0, 1, 1)
    assert again.args == ("a", 1, 2)
    assert again.kwargs["seed"] != 3


def test_generators_of_other_libraries_are_passed_on() -> None:
    rng = np.random.default_rng(0)
    again, _ = Call(prompt_and_seed, ("a",), {"generator": rng}).again(0, 1, 1)
    assert again.kwargs["generator"] is rng


def test_a_callable_without_a_signature() -> None:
    assert Call(max, (1, 2), {"key": abs}).arguments == {"key": abs}
    again, position = Call(max, ([1, 2],), {"key": abs}).again(0, 1, 1)
    assert (again.run(), position) == (2, 0)
