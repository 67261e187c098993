"""``guard``: what is wrapped stays what it was; policies; and failing closed."""

from __future__ import annotations

import copy
import functools
import inspect
import os
import shutil
import threading
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
from fixtures.tiny_pipelines import PIXELS, picture, stable_diffusion
from PIL import Image

import memguard
from memguard import (
    CheckFailedError,
    ConfigurationError,
    Guard,
    MemorizedImageError,
    Policy,
    UnsupportedOutputError,
    build_index,
    guard,
    open_index,
)

SIZE = 64
COPY, NOVEL = 1, 1000
"""Seeds of a drawing that is in the index, and of one that is not."""

QUICK = {"height": PIXELS, "width": PIXELS, "num_inference_steps": 1}


def drawing(seed: int) -> Image.Image:
    """Coarse random squares: very different for different seeds."""
    levels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def unit(seed: int) -> np.ndarray:
    return np.asarray(drawing(seed), dtype=np.float32) / 255


@pytest.fixture(scope="module")
def pipeline() -> StableDiffusionPipeline:
    return stable_diffusion()


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, pipeline: Any) -> Path:
    """Drawings, and what the pipeline makes of "the sea"."""
    folder = tmp_path_factory.mktemp("guarding") / "images"
    folder.mkdir()
    for seed in range(6):
        drawing(seed).save(folder / f"{seed}.png")
    pipeline("the sea", **QUICK, generator=generator()).images[0].save(folder / "sea.png")
    return folder


@pytest.fixture(scope="module")
def index(folder: Path) -> Path:
    build_index(folder, folder.parent / "training.memguard", clip=None, calibrate=False, workers=0)
    return folder.parent / "training.memguard"


@pytest.fixture
def own_index(index: Path, tmp_path: Path) -> Path:
    """An index that the test may break."""
    return Path(shutil.copytree(index, tmp_path / "own.memguard"))


def two(seed: int = NOVEL) -> list[Image.Image]:
    return [drawing(seed), drawing(COPY)]


def is_blank(image: Any) -> bool:
    return bool(np.ptp(np.asarray(image)) == 0)


def shows_the_sea(guarded: Any, *, label: str = "memorized") -> bool:
    """Run a guarded pipeline where it makes the copy; whether that came through."""
    output = guarded("the sea", **QUICK, generator=generator())
    assert [verdict.label for verdict in output.memorization] == [label]
    return not is_blank(output.images[0])


# --- the twin --------------------------------------------------------------------------------


def test_the_twin_is_of_the_same_kind(pipeline: Any, index: Path) -> None:
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


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_stay_guarded(pipeline: Any, index: Path, copied: Callable[[Any], Any]) -> None:
    twin = copied(guard(pipeline, index))
    assert not shows_the_sea(twin)
    function = copied(guard(two, index))
    assert is_blank(function()[1])
    slotted = copied(guard(Slotted(), index))
    slotted.seed = 3
    assert is_blank(slotted()[1])


def test_what_is_guarded_is_not_guarded_again(pipeline: Any, index: Path) -> None:
    for guarded in (guard(pipeline, index), guard(two, index)):
        with pytest.raises(ConfigurationError, match="guarded already"):
            guard(guarded, index)


# --- other callables -------------------------------------------------------------------------


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


RETURNED: dict[str, Callable[[], Any]] = {
    "one image": lambda: drawing(COPY),
    "list": lambda: [drawing(COPY)],
    "nested": lambda: [[drawing(COPY)], [drawing(COPY)]],
    "array": lambda: unit(COPY),
    "batch": lambda: np.stack([unit(COPY)] * 2),
    "tensor": lambda: torch.from_numpy(unit(COPY)).permute(2, 0, 1),
    "signed tensors": lambda: torch.from_numpy(unit(COPY)).permute(2, 0, 1)[None] * 2 - 1,
    "dict": lambda: {"images": [drawing(COPY)], "seed": 3},
    "image and seed": lambda: (drawing(COPY), 3),
    "two arrays": lambda: (unit(COPY), unit(COPY)),
}


@pytest.mark.parametrize("returned", RETURNED)
def test_any_output(returned: str, index: Path) -> None:
    guarded = guard(RETURNED[returned], index)
    output, original = guarded(), RETURNED[returned]()
    assert type(output) is type(original)
    assert {verdict.label for verdict in guarded.last_verdicts} == {"memorized"}
    for value, before in zip(values(output), values(original), strict=True):
        assert is_blank(value)
        assert np.asarray(value).shape == np.asarray(before).shape


def values(output: Any) -> list[Any]:
    if isinstance(output, dict):
        return values(output["images"])
    if isinstance(output, (list, tuple)):
        return [value for each in output if not isinstance(each, int) for value in values(each)]
    return [output]


class Frozen(tuple):
    __slots__ = ()
    images = property(lambda self: list(self))


def test_an_output_that_takes_no_attribute_has_its_verdicts_in_the_pipeline(index: Path) -> None:
    guarded = guard(lambda: Frozen([drawing(NOVEL)]), index)
    assert not hasattr(guarded(), "memorization")
    assert len(guarded.last_verdicts) == 1


def test_no_callable(index: Path) -> None:
    with pytest.raises(ConfigurationError, match="any callable, not a str"):
        guard("a pipeline", index)


# --- policies --------------------------------------------------------------------------------


def test_flag_leaves_the_images_untouched(pipeline: Any, index: Path) -> None:
    assert shows_the_sea(guard(pipeline, index, policy="flag"))
    original = two()
    assert guard(lambda: original, index, policy="flag")() is original


def test_block_says_nothing_of_the_image(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index)
    output = guarded("the sea", **QUICK, generator=generator())
    assert not output.images[0].info
    assert output.images[0].getcolors() == [(PIXELS * PIXELS, (127, 127, 127))]


def test_raise_tells_the_operator_and_not_the_user(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index, policy="raise")
    with pytest.raises(MemorizedImageError) as caught:
        guarded("the sea", **QUICK, generator=generator())
    (verdict,) = caught.value.verdicts
    assert guarded.last_verdicts == caught.value.verdicts
    match = verdict.matches[0]
    assert Path(match.uri).name == "sea.png"
    for secret in (match.id, match.uri, "sea", str(index.parent), verdict.why):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    guarded("a castle", **QUICK, generator=torch.Generator().manual_seed(6))
    assert len(guarded.last_verdicts) == 1


def counted(results: list[Image.Image]) -> Callable[[], list[Image.Image]]:
    """A callable that makes one of these each time it is called, and counts its calls."""
    rest = iter(results)

    def make() -> list[Image.Image]:
        make.calls += 1
        return [drawing(NOVEL + 1), next(rest)]

    make.calls = 0
    return make


@pytest.mark.parametrize("tries", [1, 2, 3])
def test_regenerate_tries_until_an_image_may_be_shown(index: Path, tries: int) -> None:
    make = counted([drawing(COPY)] * tries + [drawing(NOVEL)])
    guarded = guard(make, index, policy="regenerate")
    first, second = guarded()
    assert make.calls == tries + 1
    assert [verdict.attempt for verdict in guarded.last_verdicts] == [0, tries]
    assert np.array_equal(np.asarray(first), np.asarray(drawing(NOVEL + 1)))
    assert np.array_equal(np.asarray(second), np.asarray(drawing(NOVEL)))


def test_regenerate_blocks_after_the_last_attempt(index: Path) -> None:
    make = counted([drawing(COPY)] * 9)
    guarded = guard(make, index, policy=Policy("regenerate", attempts=2))
    first, second = guarded()
    assert make.calls == 3
    assert (is_blank(first), is_blank(second)) == (False, True)
    assert [(verdict.label, verdict.attempt) for verdict in guarded.last_verdicts][1] == (
        "memorized",
        2,
    )


def test_an_attempt_that_fails_counts_and_the_other_images_are_kept(index: Path) -> None:
    guarded = guard(counted([drawing(COPY)]), index, policy="regenerate")
    first, second = guarded()  # StopIteration ends every further call
    assert (is_blank(first), is_blank(second)) == (False, True)
    assert [verdict.attempt for verdict in guarded.last_verdicts] == [0, 3]


def test_fewer_images_the_second_time(index: Path) -> None:
    results = iter([two(), [drawing(NOVEL)], [drawing(NOVEL)], two()])
    guarded = guard(lambda: next(results), index, policy="regenerate")
    assert [is_blank(image) for image in guarded()] == [False, True]


def test_regenerate_gives_a_plain_callable_a_fresh_seed(index: Path) -> None:
    seeds = []

    def make(prompt: str, seed: int) -> Image.Image:
        seeds.append(seed)
        return drawing(seed)

    guarded = guard(make, index, policy="regenerate")
    image = guarded("the sea", COPY)
    assert not is_blank(image)
    assert seeds[0] == COPY
    assert seeds[1] not in range(6)
    assert np.array_equal(np.asarray(guarded("the sea", seed=COPY)), np.asarray(image))


def test_a_generator_used_for_two_calls_gives_two_replacements(pipeline: Any, index: Path) -> None:
    """As a service does that keeps one generator; the copies come from passed latents."""
    guarded = guard(pipeline, index, policy="regenerate")
    latents = torch.randn(1, 4, PIXELS // 2, PIXELS // 2, generator=generator())
    mine = torch.Generator().manual_seed(9)
    images = []
    for _ in range(2):
        output = guarded("the sea", **QUICK, latents=latents, generator=mine)
        assert output.memorization[0].attempt == 1
        images.append(np.asarray(output.images[0]).astype(float))
        torch.randn(1, generator=mine)
    assert np.abs(images[0] - images[1]).mean() > 5


def test_an_action_from_similar_on(index: Path) -> None:
    checker = Guard(index, policy=Policy("block", at="similar"))
    fading = [Image.blend(drawing(COPY), drawing(NOVEL), step / 100) for step in range(0, 101, 5)]
    labels = [verdict.label for verdict in checker.check(fading)]
    similar = fading[labels.index("similar")]
    assert labels[0] == "memorized"
    assert is_blank(checker.wrap(lambda: similar)())
    assert is_blank(checker.wrap(lambda: fading[0])())
    assert not is_blank(guard(lambda: similar, index)())


# --- failing closed --------------------------------------------------------------------------


def broken(guarded: Any, index: Path) -> Any:
    """The guarded callable, after its index lost its records."""
    shutil.rmtree(index / "records.lance")
    return guarded


def test_a_check_that_breaks_withholds_every_image(own_index: Path) -> None:
    guarded = broken(guard(two, own_index, policy="flag"), own_index)
    assert [is_blank(image) for image in guarded()] == [True, True]
    for verdict in guarded.last_verdicts:
        assert verdict.label == "unchecked"
        assert verdict.why.startswith("the check could not run: ")


def test_a_check_that_breaks_raises_if_asked_to(own_index: Path) -> None:
    guarded = broken(guard(two, own_index, on_error="raise"), own_index)
    with pytest.raises(CheckFailedError, match="could not run") as caught:
        guarded()
    assert caught.value.__cause__ is not None
    assert guarded.last_verdicts == ()


def test_a_check_that_breaks_lets_pass_if_asked_to(own_index: Path) -> None:
    guarded = broken(guard(two, own_index, on_error="pass"), own_index)
    assert [is_blank(image) for image in guarded()] == [False, False]
    assert {verdict.label for verdict in guarded.last_verdicts} == {"unchecked"}


def test_unchecked_images_are_not_regenerated(own_index: Path) -> None:
    make = counted(two())
    guarded = broken(guard(make, own_index, policy="regenerate"), own_index)
    assert [is_blank(image) for image in guarded()] == [True, True]
    assert make.calls == 1


def not_finite() -> np.ndarray:
    images = np.stack([unit(NOVEL), unit(NOVEL + 1), unit(COPY)])
    images[1, 0, 0, 0] = np.nan
    return images


@pytest.mark.parametrize("action", ["flag", "block", "regenerate"])
def test_only_the_image_with_nan_is_withheld(index: Path, action: Any) -> None:
    guarded = guard(not_finite, index, policy=action)
    images = guarded()
    assert np.array_equal(images[0], unit(NOVEL))
    assert is_blank(images[1])
    labels = [verdict.label for verdict in guarded.last_verdicts]
    assert labels[1] == "unchecked"
    assert labels[2] == "memorized"
    assert "NaN" in guarded.last_verdicts[1].why


def test_nan_raises_or_passes_if_asked_to(index: Path) -> None:
    with pytest.raises(CheckFailedError, match="NaN"):
        guard(not_finite, index, on_error="raise")()
    guarded = guard(not_finite, index, on_error="pass")
    images = guarded()
    assert np.isnan(images[1]).any()
    assert is_blank(images[2]), "what could be checked is a copy"
    assert guarded.last_verdicts[1].label == "unchecked"


@pytest.mark.parametrize("on_error", ["block", "raise"])
@pytest.mark.parametrize("action", ["flag", "block", "raise", "regenerate"])
@pytest.mark.parametrize(
    "returned", [None, "copy.png", {"picture": drawing(COPY)}, [drawing(COPY), None]]
)
def test_an_output_that_cannot_be_read_is_not_shown(
    index: Path, returned: Any, action: Any, on_error: Any
) -> None:
    guarded = guard(lambda: returned, index, policy=action, on_error=on_error)
    with pytest.raises(UnsupportedOutputError, match="found no images in an output of type"):
        guarded()
    assert guarded.last_verdicts == ()


def test_an_output_that_cannot_be_read_passes_if_asked_to(index: Path) -> None:
    answer = {"picture": drawing(COPY)}
    guarded = guard(lambda: answer, index, on_error="pass")
    assert guarded() is answer
    (verdict,) = guarded.last_verdicts
    assert verdict.label == "unchecked"
    assert "found no images" in verdict.why


def test_a_copy_that_cannot_be_exchanged_is_not_shown(index: Path) -> None:
    guarded = guard(lambda: Frozen([drawing(COPY)]), index, on_error="pass")
    with pytest.raises(UnsupportedOutputError, match="cannot exchange the images"):
        guarded()
    assert [verdict.label for verdict in guarded.last_verdicts] == ["memorized"]


def test_latents_that_cannot_be_decoded_are_not_shown(index: Path) -> None:
    pipeline = stable_diffusion()
    guarded = guard(pipeline, index, latents="decode")
    del pipeline.image_processor
    with pytest.raises(UnsupportedOutputError, match="no VAE and image processor"):
        guarded("the sea", **QUICK, output_type="latent")


def test_latents_by_position_are_refused_too(index: Path) -> None:
    def make(prompt: str, output_type: str = "pil") -> Any:
        return two()

    with pytest.raises(UnsupportedOutputError, match="hides the images"):
        guard(make, index)("the sea", "latent")


def test_an_error_of_the_pipeline_is_its_own(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index)
    guarded("a castle", **QUICK)
    with pytest.raises(ValueError, match="`prompt` has to be of type"):
        guarded(7, **QUICK)
    assert guarded.last_verdicts == (), "the verdicts of the call before"


def test_no_images_need_no_check(index: Path) -> None:
    guarded = guard(list, index)
    assert guarded() == []
    assert guarded.last_verdicts == ()


# --- the guard -------------------------------------------------------------------------------


def test_check_is_the_same_check_without_a_pipeline(index: Path) -> None:
    checker = Guard(index)
    (one,) = checker.check(drawing(COPY))
    novel, again = checker.check(two())
    assert one == again
    assert one.label == "memorized"
    assert Path(one.matches[0].uri).name == f"{COPY}.png"
    assert novel.label != "memorized"
    assert checker.check([]) == []


def test_verdicts_are_kept_per_thread(index: Path) -> None:
    guarded = guard(drawing, index)
    guarded(NOVEL)
    mine = guarded.last_verdicts
    met = threading.Barrier(2)
    seen: dict[int, Any] = {}

    def work(seed: int) -> None:
        before = guarded.last_verdicts
        guarded(seed)
        met.wait(timeout=60)
        seen[seed] = (before, guarded.last_verdicts)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in (2, 3):
        before, (after,) = seen[seed]
        assert before == ()
        assert Path(after.matches[0].uri).name == f"{seed}.png"
    assert guarded.last_verdicts == mine


def test_one_guard_for_many_pipelines(pipeline: Any, index: Path) -> None:
    shared = Guard(open_index(index))
    assert is_blank(shared.wrap(drawing)(COPY))
    assert not shows_the_sea(shared.wrap(pipeline))
    assert len(shared.last_verdicts) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "forbid"}, "unknown policy 'forbid'"),
        ({"on_error": "ignore"}, "unknown on_error='ignore'; choose one of block, raise, pass"),
        ({"latents": "decoded"}, "unknown latents='decoded'; choose one of refuse, decode"),
    ],
)
def test_options_are_checked(index: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        guard(two, index, **options)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory of a project, with no index named anywhere."""
    monkeypatch.delenv("MEMGUARD_INDEX", raising=False)
    (tmp_path / "project" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "deep")
    return tmp_path / "project"


def test_the_index_of_the_environment(
    elsewhere: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "pyproject.toml").write_text('[tool.memguard]\nindex = "nowhere"\n')
    monkeypatch.setenv("MEMGUARD_INDEX", str(index))
    assert is_blank(guard(drawing)(COPY))


def test_the_index_of_the_project(elsewhere: Path, index: Path) -> None:
    relative = os.path.relpath(index, elsewhere)
    (elsewhere / "pyproject.toml").write_text(f'[tool.memguard]\nindex = "{relative}"\n')
    assert is_blank(guard(drawing)(COPY))


def test_no_index_named_anywhere(elsewhere: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        guard(drawing)
    for way in ('guard(pipe, index="', "MEMGUARD_INDEX", "[tool.memguard]"):
        assert way in str(caught.value)


def test_no_index_at_the_path(tmp_path: Path) -> None:
    with pytest.raises(memguard.IndexUnavailableError, match=r"nothing\.memguard"):
        guard(drawing, tmp_path / "nothing.memguard")
