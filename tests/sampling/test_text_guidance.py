"""What is read of real pipelines, against their own forwards, and that reading changes nothing."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DiTPipeline,
    DiTTransformer2DModel,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
)
from fixtures.guided_pipeline import GuidedPipeline, noisy
from fixtures.seeded_models import PIXELS, seeded
from fixtures.tiny_denoisers import autoencoder
from fixtures.tiny_pipelines import (
    PIPELINES,
    ddpm,
    deepfloyd_if,
    flux,
    stable_diffusion,
)
from fixtures.tiny_text_encoders import TEXT_LENGTH

from memguard.sampling.text_guidance import denoiser, reading

PROMPTS = ["a painting of the sea", "a cat"]
SIZED: dict[str, Any] = {"height": PIXELS, "width": PIXELS, "num_inference_steps": 2}
PACKED: dict[str, Any] = {**SIZED, "max_sequence_length": TEXT_LENGTH}


def seed(number: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(number)


def forwards(module: torch.nn.Module) -> list[np.ndarray]:
    """Collect what a module returns from now on."""
    kept: list[np.ndarray] = []
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        output = original(*args, **kwargs)
        kept.append(output[0].detach().numpy().copy())
        return output

    module.forward = forward
    return kept


def norms(difference: np.ndarray) -> list[float]:
    return [float(np.sqrt(np.mean(each.astype(np.float64) ** 2))) for each in difference]


def values(seen: Any) -> list[float]:
    return [one.value for one in seen.text_guidance]


@pytest.fixture
def pipe() -> StableDiffusionPipeline:
    return stable_diffusion()


def test_the_norm_of_two_predictions_made_by_hand(pipe: Any) -> None:
    """One forward with the text and one without, on the noise that the generator gives."""
    with reading(pipe) as seen:
        pipe(PROMPTS[0], **SIZED, generator=seed())
    with torch.no_grad():
        text, empty = pipe.encode_prompt(PROMPTS[0], "cpu", 1, True)
        noise = torch.randn((1, 4, PIXELS // 2, PIXELS // 2), generator=seed())
        timestep = pipe.scheduler.timesteps[0]
        (with_text,) = pipe.unet(noise, timestep, text, return_dict=False)
        (without,) = pipe.unet(noise, timestep, empty, return_dict=False)
    (measured,) = seen.text_guidance
    assert measured.value == pytest.approx(norms((with_text - without).numpy())[0], rel=1e-4)
    assert measured.value > 0
    assert measured.timestep == float(timestep)
    assert (measured.read, measured.threshold, measured.flagged) == ("pair", None, False)


def test_one_value_for_each_image_in_the_order_of_the_images(pipe: Any) -> None:
    seeds = [seed(number) for number in range(4)]
    with reading(pipe) as seen:
        pipe(PROMPTS, num_images_per_prompt=2, **SIZED, generator=seeds)
    alone = []
    for number in range(4):
        with reading(pipe) as one:
            pipe(PROMPTS[number // 2], **SIZED, generator=seed(number))
        alone += values(one)
    assert values(seen) == pytest.approx(alone, rel=1e-4)
    assert len(set(alone)) == 4


@pytest.mark.parametrize("tiny", PIPELINES, ids=lambda tiny: tiny.name)
def test_every_pipeline_whose_guidance_can_be_seen(tiny: Any) -> None:
    pipeline = tiny.build()
    with reading(pipeline) as seen:
        pipeline(**tiny.arguments, **{tiny.several: 2}, generator=seed())
    unseen = {"ddpm": "has no text", "flux": "has none to begin with", "unclip": "has a decoder"}
    assert len(seen.text_guidance) == (0 if tiny.name in unseen else 2)
    assert all(value > 0 for value in values(seen))


def test_two_passes_over_the_same_noise() -> None:
    pipe = flux()
    outputs = forwards(pipe.transformer)
    with reading(pipe) as seen:
        pipe(
            PROMPTS[0],
            negative_prompt="a cat",
            true_cfg_scale=3.0,
            num_images_per_prompt=2,
            **PACKED,
            generator=seed(),
        )
    assert len(outputs) == 4
    assert values(seen) == pytest.approx(norms(outputs[0] - outputs[1]), rel=1e-4)
    assert [one.timestep for one in seen.text_guidance] == [1.0, 1.0]


def test_one_pass_a_step_is_no_pair() -> None:
    pipe = flux()
    with reading(pipe, extra_forward=True) as seen:
        pipe(PROMPTS[0], **PACKED, generator=seed())
    assert seen.text_guidance == []


@pytest.fixture
def distilled() -> Any:
    """Flux with guidance as an input."""
    pipe = flux()
    config = {**pipe.transformer.config, "guidance_embeds": True}
    known = {name: value for name, value in config.items() if not name.startswith("_")}
    pipe.transformer = seeded(FluxTransformer2DModel, **known)
    return pipe


def test_guidance_as_an_input_takes_one_more_forward_if_asked(distilled: Any) -> None:
    asked = {**PACKED, "guidance_scale": 4.0, "output_type": "np"}
    usual = distilled(PROMPTS[0], **asked, generator=seed()).images
    outputs = forwards(distilled.transformer)
    with reading(distilled) as seen:
        distilled(PROMPTS[0], **asked, generator=seed())
    assert (len(outputs), seen.text_guidance) == (2, [])
    with reading(distilled, extra_forward=True) as seen:
        images = distilled(PROMPTS[0], **asked, generator=seed()).images
    first, half, second = outputs[2:]
    (measured,) = seen.text_guidance
    assert measured.value == pytest.approx(norms(first - half)[0] / 2.0, rel=1e-4)
    assert measured.read == "guidance input"
    assert np.array_equal(images, usual)
    assert np.array_equal(outputs[1], second)


def test_no_guidance_no_reading(pipe: Any) -> None:
    with reading(pipe) as seen:
        pipe(PROMPTS, **SIZED, guidance_scale=1.0, generator=seed())
    assert seen.text_guidance == []
    with reading(ddpm()) as seen:
        pass
    assert seen.text_guidance == []


def test_the_predicted_variance_does_not_count() -> None:
    pipe = deepfloyd_if()
    outputs = forwards(pipe.unet)
    with reading(pipe) as seen:
        pipe(PROMPTS[0], num_inference_steps=1, clean_caption=False, generator=seed())
    (noise,) = (output[:, :3] for output in outputs)
    assert values(seen) == pytest.approx(norms(noise[:1] - noise[1:]), rel=1e-4)


def test_classes_in_place_of_texts() -> None:
    transformer = seeded(
        DiTTransformer2DModel,
        sample_size=8,
        num_layers=1,
        patch_size=4,
        attention_head_dim=8,
        num_attention_heads=2,
        in_channels=4,
        out_channels=8,
        attention_bias=True,
        activation_fn="gelu-approximate",
        num_embeds_ada_norm=1000,
        norm_type="ada_norm_zero",
        norm_elementwise_affine=False,
    )
    torch.nn.init.normal_(transformer.proj_out_2.weight, generator=seed())
    pipe = DiTPipeline(transformer=transformer, vae=autoencoder(), scheduler=DDIMScheduler())
    pipe.set_progress_bar_config(disable=True)
    outputs = forwards(transformer)
    with reading(pipe) as seen:
        pipe([3, 7], num_inference_steps=1, generator=seed())
    noise = outputs[0][:, :4]
    assert values(seen) == pytest.approx(norms(noise[:2] - noise[2:]), rel=1e-4)


def test_images_callbacks_and_hooks_stay_as_they_were(pipe: Any) -> None:
    steps: list[int] = []

    def count(_: Any, step: int, __: Any, arguments: dict[str, Any]) -> dict[str, Any]:
        steps.append(step)
        return arguments

    asked = {**SIZED, "output_type": "np", "callback_on_step_end": count}
    usual = pipe(PROMPTS[0], **asked, generator=seed()).images
    with reading(pipe, extra_forward=True):
        images = pipe(PROMPTS[0], **asked, generator=seed()).images
    assert np.array_equal(usual, images)
    assert steps == [0, 1, 0, 1]
    with pytest.raises(ZeroDivisionError), reading(pipe):
        raise ZeroDivisionError
    assert not pipe.unet._forward_hooks


@pytest.fixture
def graphs() -> Iterator[list[Any]]:
    """The graphs that a backend is given from now on."""
    torch._dynamo.reset()
    yield []
    torch._dynamo.reset()


@pytest.mark.parametrize("in_place", [False, True])
def test_compiled_denoisers_are_read_and_not_compiled_again(
    graphs: list[Any], in_place: bool
) -> None:
    def backend(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph.forward

    pipe = GuidedPipeline(lambda _, number: noisy(np.zeros((8, 8, 3)), number))
    if in_place:
        pipe.unet.compile(backend=backend, fullgraph=True)
    else:
        pipe.unet = torch.compile(pipe.unet, backend=backend, fullgraph=True)
    pipe("moved by 0.25", generator=seed())
    compiled = len(graphs)
    for _ in range(2):
        with reading(pipe) as seen:
            pipe("moved by 0.25", generator=seed())
        assert values(seen) == [0.25]
    assert len(graphs) == compiled > 0


def test_a_denoiser_compiled_in_place_can_be_copied_and_pickled(pipe: Any) -> None:
    pipe.unet.compile(backend="eager")
    with reading(pipe):
        pass
    for made in (copy.deepcopy(pipe.unet), pickle.loads(pickle.dumps(pipe.unet))):
        assert made._compiled_call_impl is None


def test_calls_at_the_same_time_do_not_mix(pipe: Any) -> None:
    """Two threads whose first steps wait for each other.

    Each has a scheduler and a tokenizer of its own: neither may be shared among threads (a fast
    tokenizer sets its padding and truncation before each use).
    """
    own = ("scheduler", "tokenizer")
    others = [
        StableDiffusionPipeline(
            **{**pipe.components, **{name: copy.deepcopy(getattr(pipe, name)) for name in own}},
            requires_safety_checker=False,
        )
        for _ in PROMPTS
    ]
    alone = []
    for prompt, other in zip(PROMPTS, others):
        other.set_progress_bar_config(disable=True)
        with reading(other) as seen:
            other(prompt, **SIZED, generator=seed())
        alone.append(values(seen))
    together: dict[int, list[float]] = {}
    both = threading.Barrier(2)

    def wait(*_: Any) -> None:
        both.wait(30)

    handle = pipe.unet.register_forward_pre_hook(wait)

    def run(number: int) -> None:
        with reading(others[number]) as seen:
            others[number](PROMPTS[number], **SIZED, generator=seed())
        together[number] = values(seen)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    handle.remove()
    assert [together[0], together[1]] == alone
    assert alone[0] != alone[1]
    assert not pipe.unet._forward_hooks


def test_a_stop_ends_the_call_after_the_first_step(pipe: Any) -> None:
    with reading(pipe) as whole:
        pipe(PROMPTS[0], **SIZED, generator=seed())
    outputs = forwards(pipe.unet)
    with reading(pipe, stop=True) as seen:
        pipe(PROMPTS[0], **SIZED, generator=seed())
    assert len(outputs) == 1
    assert seen.text_guidance == whole.text_guidance


def test_a_stop_ends_a_call_without_guidance_too(pipe: Any) -> None:
    outputs = forwards(pipe.unet)
    with reading(pipe, stop=True) as seen:
        pipe(PROMPTS[0], **{**SIZED, "num_inference_steps": 4}, guidance_scale=1.0)
    assert len(outputs) == 2
    assert seen.text_guidance == []


class Anything:
    """A client of a remote API that has whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return Anything()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("this would be a request")


def test_only_modules_of_torch_are_denoisers(pipe: Any) -> None:
    with reading(Anything()) as seen:
        pass
    assert seen.text_guidance == []
    assert denoiser(pipe) is pipe.unet
    assert denoiser(Anything()) is denoiser(lambda: None) is None


class Strange(torch.nn.Module):
    """A denoiser that returns what nobody knows."""

    def forward(self, sample: torch.Tensor) -> object:
        return object()


def test_what_cannot_be_read_is_logged_and_generated_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Pipeline:
        unet = Strange()

        def __call__(self) -> str:
            self.unet(torch.zeros(2, 1, 2, 2))
            return "made"

    pipeline = Pipeline()
    with caplog.at_level(logging.ERROR, "memguard"), reading(pipeline) as seen:
        assert pipeline() == "made"
    assert seen.text_guidance == []
    assert "could not read the text guidance" in caplog.text


def test_an_overflow_is_no_value() -> None:
    class Pipeline:
        unet = torch.nn.Identity()

        def __call__(self) -> None:
            sample = torch.tensor([1.0, 1.0]).view(2, 1, 1, 1)
            self.unet.forward = lambda x: (x * torch.tensor([torch.inf, 1]).view(2, 1, 1, 1),)
            self.unet(sample)

    pipeline = Pipeline()
    with reading(pipeline) as seen:
        pipeline()
    assert seen.text_guidance == []
