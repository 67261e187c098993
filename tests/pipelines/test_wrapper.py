"""Guarded pipelines: the class, state and behaviour of the original are kept."""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)
from fixtures.guarded_images import (
    NOVEL,
    QUICK,
    drawing,
    generator,
    is_blank,
    shows_the_sea,
    two,
)
from fixtures.tiny_pipelines import picture, stable_diffusion
from PIL import Image

from memguard import ConfigurationError, Guard, Guarded, guard, open_index

# --- objects: a subclass that shares their state ---


def test_a_guarded_object_is_of_the_same_class(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index)
    assert isinstance(guarded, StableDiffusionPipeline)
    assert type(guarded).__name__ == "StableDiffusionPipeline"
    assert type(guarded).__module__ == StableDiffusionPipeline.__module__
    assert inspect.signature(guarded.__call__) == inspect.signature(pipeline.__call__)
    assert inspect.signature(guarded) == inspect.signature(pipeline)
    assert guarded.__call__.__doc__ == pipeline.__call__.__doc__
    assert guarded.unet is pipeline.unet
    assert guarded.components.keys() == pipeline.components.keys()
    assert guarded.config == pipeline.config
    assert repr(guarded) == repr(pipeline)
    added = {name for name in set(dir(guarded)) - set(dir(pipeline)) if name[0] != "_"}
    assert added == {"guard", "last_verdicts"}


def test_changes_show_in_both(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index)
    before = pipeline.scheduler
    guarded.scheduler = EulerDiscreteScheduler.from_config(before.config)
    assert pipeline.scheduler is guarded.scheduler
    assert pipeline.config["scheduler"] == ("diffusers", "EulerDiscreteScheduler")
    pipeline.scheduler = before
    assert isinstance(guarded.scheduler, DDIMScheduler)
    guarded.remark = "hello"
    assert pipeline.remark == "hello"
    del pipeline.remark
    assert not hasattr(guarded, "remark")
    guarded.enable_attention_slicing()
    guarded.vae.enable_tiling()
    assert pipeline.vae.use_tiling
    pipeline.vae.disable_tiling()
    pipeline.disable_attention_slicing()
    assert not shows_the_sea(guarded)


def test_moving_gives_the_guarded_pipeline(index: Path) -> None:
    original = stable_diffusion()
    guarded = guard(original, index)
    assert guarded.to("cpu") is guarded
    assert guarded.to(torch.float64) is guarded
    assert original.unet.dtype == torch.float64
    assert not shows_the_sea(guarded.to(torch.float32))


def test_offloading(index: Path) -> None:
    guarded = guard(stable_diffusion(), index, latents="decode")
    guarded.enable_model_cpu_offload(device="cpu")
    assert not shows_the_sea(guarded)
    latents = guarded("the sea", **QUICK, generator=generator(), output_type="latent").images
    assert not latents.any()
    assert not shows_the_sea(guarded)


def test_from_pipe(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index)
    for again in (guarded.from_pipe(pipeline), type(guarded).from_pipe(guarded)):
        again.set_progress_bar_config(disable=True)
        assert not shows_the_sea(again)


def test_another_classs_from_pipe_is_not_guarded_which_the_docs_say(
    pipeline: Any, index: Path
) -> None:
    guarded = guard(pipeline, index)
    other = StableDiffusionImg2ImgPipeline.from_pipe(guarded)
    assert other.unet is pipeline.unet
    assert not isinstance(other, type(guarded))
    other.set_progress_bar_config(disable=True)
    output = other("the sea", picture(), num_inference_steps=2)
    assert not hasattr(output, "memorization")
    assert "makes a pipeline that is not guarded (guard it too)" in " ".join(guard.__doc__.split())
    assert len(guard(other, index)("the sea", picture(), num_inference_steps=2).memorization) == 1


def test_what_it_saves_loads_as_the_original_class(
    pipeline: Any, index: Path, tmp_path: Path
) -> None:
    guard(pipeline, index).save_pretrained(tmp_path)
    for kind in (DiffusionPipeline, StableDiffusionPipeline):
        loaded = kind.from_pretrained(tmp_path)
        assert type(loaded) is StableDiffusionPipeline
    loaded.set_progress_bar_config(disable=True)
    (image,) = loaded("the sea", **QUICK, generator=generator()).images
    (original,) = pipeline("the sea", **QUICK, generator=generator()).images
    assert np.array_equal(np.asarray(image), np.asarray(original))
    assert not shows_the_sea(guard(loaded, index))


def test_callbacks_are_called_with_the_guarded_pipeline(pipeline: Any, index: Path) -> None:
    seen = []

    def at_step(pipe: Any, step: int, timestep: int, values: dict[str, Any]) -> dict[str, Any]:
        seen.append((pipe, step))
        return values

    guarded = guard(pipeline, index)
    guarded("the sea", **QUICK, callback_on_step_end=at_step)
    assert seen == [(guarded, 0)]


def test_what_is_guarded_is_not_guarded_again(pipeline: Any, index: Path) -> None:
    for guarded in (guard(pipeline, index), guard(two, index)):
        with pytest.raises(ConfigurationError, match="guarded already"):
            guard(guarded, index)


# --- other callables: a proxy ---


class Service:
    """A plain object that makes images."""

    def __init__(self) -> None:
        self.seed = NOVEL

    def __call__(self) -> list[Image.Image]:
        return two(self.seed)

    def make(self) -> list[Image.Image]:
        """Make two images."""
        return two(self.seed)


class Slotted:
    __slots__ = ("seed",)

    def __init__(self) -> None:
        self.seed = NOVEL

    def __call__(self) -> list[Image.Image]:
        return two(self.seed)


class HalfSlotted(Slotted):
    """Has both slots and a ``__dict__``."""


class BuiltIn(dict):
    def __call__(self) -> list[Image.Image]:
        return two(self.get("seed", NOVEL))


@functools.lru_cache
def remembered() -> list[Image.Image]:
    return two()


PLAIN: dict[str, Callable[[], Any]] = {
    "function": lambda: two,
    "lambda": lambda: lambda: two(),
    "bound method": lambda: Service().make,
    "partial": lambda: functools.partial(two, NOVEL),
    "object": Service,
    "slots": Slotted,
    "slots and dict": HalfSlotted,
    "built-in base": BuiltIn,
    "cached function": lambda: remembered,
    "module": lambda: Module(),
}


class Module(torch.nn.Module):
    def forward(self) -> list[Image.Image]:
        return two()


@pytest.mark.parametrize("kind", PLAIN)
def test_any_callable(kind: str, index: Path) -> None:
    original = PLAIN[kind]()
    guarded = guard(original, index)
    novel, withheld = guarded()
    assert np.array_equal(np.asarray(novel), np.asarray(drawing(NOVEL)))
    assert is_blank(withheld)
    assert [verdict.label == "memorized" for verdict in guarded.last_verdicts] == [False, True]
    assert not is_blank(original()[1])
    assert inspect.signature(guarded) == inspect.signature(original)


@pytest.mark.parametrize("kind", [Service, Slotted, HalfSlotted])
def test_attributes_of_an_object_show_in_both(kind: Any, index: Path) -> None:
    original = kind()
    guarded = guard(original, index)
    guarded.seed = NOVEL + 1
    assert original.seed == NOVEL + 1
    assert np.array_equal(np.asarray(guarded()[0]), np.asarray(drawing(NOVEL + 1)))
    original.seed = NOVEL + 2
    assert guarded.seed == NOVEL + 2


def test_a_function_keeps_its_name_and_its_attributes(index: Path) -> None:
    def make(prompt: str, n: int = 2) -> list[Image.Image]:
        """Draw."""
        return two()

    make.version = 3
    guarded = guard(make, index)
    assert (guarded.__name__, guarded.__doc__, guarded.version) == ("make", "Draw.", 3)
    assert str(inspect.signature(guarded)) == str(inspect.signature(make))
    with pytest.raises(AttributeError, match="nothing"):
        guarded.nothing  # noqa: B018


def test_a_guard_decorates_methods(index: Path) -> None:
    class Studio:
        @Guard(index).wrap
        def make(self, seed: int) -> list[Image.Image]:
            return [*two(seed), drawing(self.another)]

        another = 2

    images = Studio().make(NOVEL)
    assert [is_blank(image) for image in images] == [False, True, True]
    assert len(Studio.make.last_verdicts) == 3


def test_no_callable(index: Path) -> None:
    with pytest.raises(ConfigurationError, match="any callable, not a int"):
        guard(7, index)


def test_a_class_is_no_pipeline(index: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"Service is a class: .* guard\(Service\("):
        guard(Service, index)


def test_index_and_pipeline_swapped(index: Path) -> None:
    for first in (index, str(index), open_index(index)):
        with pytest.raises(ConfigurationError, match="takes the pipeline first: guard"):
            guard(first, two)
    with pytest.raises(ConfigurationError, match=r"takes an index or its path.* a function"):
        Guard(two)


# --- copies, pickles, compilation ---


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_copies_stay_guarded(pipeline: Any, index: Path, copied: Callable[[Any], Any]) -> None:
    assert not shows_the_sea(copied(guard(pipeline, index)))
    function = copied(guard(two, index))
    assert is_blank(function()[1])
    slotted = copied(guard(Slotted(), index))
    slotted.seed = 3
    assert is_blank(slotted()[1])
    method = copied(guard(Service().make, index))
    assert is_blank(method()[1])


class Reduced(Service):
    """A pipeline that says itself how it is copied: as its own class."""

    def __init__(self, seed: int = NOVEL) -> None:
        self.seed = seed

    def __reduce__(self) -> Any:
        return Reduced, (self.seed,)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
def test_copies_that_the_pipeline_makes_stay_guarded(
    index: Path, copied: Callable[[Any], Any]
) -> None:
    guarded = guard(Reduced(NOVEL + 2), index)
    again = copied(guarded)
    again.mark = "own"
    assert not hasattr(guarded, "mark")
    assert isinstance(again, Guarded)
    assert is_blank(again()[1])
    assert again.seed == NOVEL + 2


def test_a_deep_copy_of_what_refers_to_itself(index: Path) -> None:
    guarded = guard(Service(), index)
    guarded.itself = guarded
    again = copy.deepcopy(guarded)
    assert again.itself is again
    assert is_blank(again.itself()[1])


def test_a_decorated_function_is_pickled_by_its_name(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decorated.py").write_text(
        "from fixtures.guarded_images import two\n"
        "from memguard import Guard\n"
        f"guard = Guard({str(index)!r})\n"
        "@guard.wrap\n"
        "def make():\n"
        "    return two()\n"
        "class Maker:\n"
        "    @guard.wrap\n"
        "    def make(self):\n"
        "        return two()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    decorated: Any = importlib.import_module("decorated")
    assert pickled(decorated.make) is decorated.make
    method = pickled(decorated.Maker().make)
    assert is_blank(method()[1])


class Sum(torch.nn.Module):
    """A pipeline with a step for the compiler, and with images."""

    def forward(self) -> list[Image.Image]:
        self.step(torch.ones(2))
        return two()

    def step(self, values: torch.Tensor) -> torch.Tensor:
        return values + values


def test_a_compiled_pipeline_stays_guarded(index: Path) -> None:
    """Its images are checked: the compiler fails on the check, and so must not read it."""
    for pipeline in (two, Service(), Sum()):
        guarded = guard(pipeline, index)
        assert is_blank(torch.compile(guarded, backend="eager")()[1])
        assert [verdict.label for verdict in guarded.last_verdicts] == ["clear", "memorized"]


def test_compiled_parts_stay_compiled(index: Path) -> None:
    compiled = []

    def backend(graph: Any, inputs: Any) -> Any:
        compiled.append(graph)
        return graph.forward

    pipeline = Sum()
    pipeline.step = torch.compile(pipeline.step, backend=backend)
    assert is_blank(guard(pipeline, index)()[1])
    assert len(compiled) == 1


def test_a_guarded_function_prints_what_it_guards(index: Path) -> None:
    assert repr(guard(two, index)) == f"<guarded {two!r}>"
