"""Guarded diffusers pipelines behave as the originals do, except that copies are not shown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.tiny_pipelines import PIPELINES, TinyPipeline
from PIL import Image

from memguard import NoVerdictsError, Policy, UnsupportedOutputError, build_index, guard

SEEDS = (11, 12, 13)
COPY = 1
"""Which of the three images is in the index."""

NAMES = [tiny.name for tiny in PIPELINES]
LATENT = [tiny.name for tiny in PIPELINES if tiny.latent]
PIXEL = [tiny.name for tiny in PIPELINES if not tiny.latent]


def separate() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


def shared() -> torch.Generator:
    return torch.Generator().manual_seed(SEEDS[0])


def no_generator() -> None:
    torch.manual_seed(SEEDS[0])


GENERATORS = {"list": separate, "one": shared, "none": no_generator}


@dataclass(frozen=True, eq=False)
class Case:
    """A tiny pipeline, and an index of the middle one of the three images of each call."""

    tiny: TinyPipeline
    root: Path

    @cached_property
    def pipeline(self) -> Any:
        return self.tiny.build()

    @cached_property
    def index(self) -> Path:
        images = [self.original(seeds=kind).images[COPY] for kind in GENERATORS]
        return indexed(images, self.root / "index")

    @cache  # noqa: B019
    def original(self, **options: Any) -> Any:
        """What the unguarded pipeline gives."""
        return self.call(self.pipeline, **options)

    @cached_property
    def guarded(self) -> Any:
        return guard(self.pipeline, self.index)

    @cached_property
    def regenerating(self) -> Any:
        return guard(self.pipeline, self.index, policy="regenerate")

    @cache  # noqa: B019
    def regenerated(self, seeds: str) -> Any:
        return self.call(self.regenerating, seeds=seeds)

    def call(self, pipeline: Any, *, seeds: str = "list", **more: Any) -> Any:
        arguments = {**self.tiny.arguments, self.tiny.several: len(SEEDS), **more}
        return pipeline(**arguments, generator=GENERATORS[seeds]())


def indexed(images: list[Image.Image], root: Path) -> Path:
    """An index of these images."""
    (root / "images").mkdir(parents=True)
    for number, image in enumerate(images):
        image.save(root / "images" / f"{number}.png")
    build_index(root / "images", root / "training.memguard", weights={}, calibrate=False, workers=0)
    return root / "training.memguard"


@pytest.fixture(scope="session")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Any:
    tiny = {each.name: each for each in PIPELINES}
    return cache(lambda name: Case(tiny[name], tmp_path_factory.mktemp(name)))


@pytest.fixture(params=NAMES)
def case(request: pytest.FixtureRequest, cases: Any) -> Case:
    return cases(request.param)


def arrays(images: Any) -> list[np.ndarray]:
    return [np.asarray(image) for image in images]


def assert_withheld(images: Any, originals: Any, *, at: int = COPY) -> None:
    """One image is a placeholder of the original's kind; the others are the originals."""
    assert type(images) is type(originals)
    assert len(images) == len(originals)
    for i, (image, original) in enumerate(zip(images, originals)):
        assert type(image) is type(original)
        if isinstance(image, Image.Image):
            assert (image.mode, image.size) == (original.mode, original.size)
        else:
            assert (image.dtype, image.shape) == (original.dtype, original.shape)
        if i == at:
            assert np.ptp(np.asarray(image)) == 0
        else:
            assert np.array_equal(np.asarray(image), np.asarray(original))
    assert np.ptp(np.asarray(originals[at])) > 0


def assert_verdicts(verdicts: Any) -> None:
    assert len(verdicts) == len(SEEDS)
    for i, verdict in enumerate(verdicts):
        assert (verdict.label == "memorized") == (i == COPY)
    assert verdicts[COPY].matches[0].uri.endswith("0.png")


@pytest.mark.parametrize("output_type", ["pil", "np", "pt"])
def test_the_copy_is_withheld_and_nothing_else_changes(case: Case, output_type: str) -> None:
    original = case.original(output_type=output_type)
    output = case.call(case.guarded, output_type=output_type)
    assert type(output) is type(original)
    assert output.keys() == original.keys()
    assert_withheld(output.images, original.images)
    assert_withheld(output["images"], original.images)
    assert_withheld(output.to_tuple()[0], original.images)
    assert_verdicts(output.memorization)
    assert case.guarded.last_verdicts == tuple(output.memorization)


def test_the_same_as_a_tuple(case: Case) -> None:
    original = case.original(output_type="pil", return_dict=False)
    output = case.call(case.guarded, output_type="pil", return_dict=False)
    assert type(output) is tuple
    assert_withheld(output[0], original[0])
    assert output[1:] == original[1:]
    assert_verdicts(case.guarded.last_verdicts)


@pytest.mark.parametrize("seeds", GENERATORS)
def test_regenerated_images_are_others_and_shown(case: Case, seeds: str) -> None:
    original = case.original(seeds=seeds)
    output = case.regenerated(seeds)
    assert [verdict.attempt for verdict in output.memorization] == [0, 1, 0]
    assert all(verdict.label != "memorized" for verdict in output.memorization)
    before, after = arrays(original.images), arrays(output.images)
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[2], after[2])
    assert after[COPY].shape == before[COPY].shape
    assert np.ptp(after[COPY]) > 0
    for image in (*before, after[0], after[2]):
        assert np.abs(after[COPY].astype(float) - image).mean() > 5
    again = case.call(case.regenerating, seeds=seeds)
    assert np.array_equal(arrays(again.images)[COPY], after[COPY]), "not the same twice"


@pytest.mark.parametrize("output_type", ["np", "pt"])
def test_regeneration_fits_into_batches_and_tuples(case: Case, output_type: str) -> None:
    (images, *_) = case.call(case.regenerating, output_type=output_type, return_dict=False)
    assert images.shape[0] == len(SEEDS)
    assert [verdict.attempt for verdict in case.regenerating.last_verdicts] == [0, 1, 0]
    if not isinstance(images, np.ndarray):
        images = images.permute(0, 2, 3, 1).numpy()
    low = -1 if images.min() < 0 else 0
    shown = np.stack(arrays(case.regenerated("list").images)) / 255
    assert np.abs((images - low) / (1 - low) - shown).max() <= 0.51 / 255


def test_after_the_last_attempt_the_image_is_withheld(case: Case, tmp_path: Path) -> None:
    """The first regeneration is in the index too: one attempt ends blocked, two do not."""
    original = case.original()
    index = indexed([original.images[COPY], case.regenerated("list").images[COPY]], tmp_path)

    output = case.call(guard(case.pipeline, index, policy=Policy("regenerate", attempts=1)))
    assert_withheld(output.images, original.images)
    assert [verdict.attempt for verdict in output.memorization] == [0, 1, 0]
    assert output.memorization[COPY].label == "memorized"
    assert output.memorization[COPY].matches[0].uri.endswith("1.png")

    output = case.call(guard(case.pipeline, index, policy=Policy("regenerate", attempts=2)))
    assert [verdict.attempt for verdict in output.memorization] == [0, 2, 0]
    assert output.memorization[COPY].label != "memorized"
    assert np.ptp(np.asarray(output.images[COPY])) > 0


def test_a_single_image(case: Case) -> None:
    arguments = {**case.tiny.arguments, "generator": separate()[COPY]}
    output = case.guarded(**arguments)
    assert [verdict.label for verdict in output.memorization] == ["memorized"]
    assert np.ptp(np.asarray(output.images[0])) == 0
    assert output.images[0].size == case.pipeline(**arguments).images[0].size


def test_latents_are_refused_before_the_pipeline_runs(case: Case) -> None:
    with pytest.raises(UnsupportedOutputError, match=r'"latent" hides the images.*"pil"'):
        case.call(case.guarded, output_type="latent", seeds="none")
    state = torch.get_rng_state()
    no_generator()
    assert torch.equal(torch.get_rng_state(), state), "the pipeline drew its noise"


@pytest.mark.parametrize("return_dict", [True, False])
@pytest.mark.parametrize("name", LATENT)
def test_latents_are_decoded_for_the_check(cases: Any, name: str, return_dict: bool) -> None:
    case = cases(name)
    options = {"output_type": "latent", "return_dict": return_dict}
    original = case.original(**options)
    guarded = guard(case.pipeline, case.index, latents="decode")
    output = case.call(guarded, **options)
    assert type(output) is type(original)
    assert_withheld(output[0], original[0])
    assert_verdicts(guarded.last_verdicts)


@pytest.mark.parametrize("name", LATENT)
def test_latents_are_regenerated(cases: Any, name: str) -> None:
    case = cases(name)
    guarded = guard(case.pipeline, case.index, latents="decode", policy="regenerate")
    output = case.call(guarded, output_type="latent")
    assert [verdict.attempt for verdict in output.memorization] == [0, 1, 0]
    assert torch.isfinite(output.images).all()
    assert output.images[COPY].std() > 0.1


@pytest.mark.parametrize("name", PIXEL)
def test_without_a_vae_there_are_no_latents_to_decode(cases: Any, name: str) -> None:
    case = cases(name)
    guarded = guard(case.pipeline, case.index, latents="decode", on_error="pass")
    with pytest.raises(UnsupportedOutputError, match=r"has no VAE.*pil"):
        case.call(guarded, output_type="latent")
    with pytest.raises(NoVerdictsError):
        guarded.last_verdicts  # noqa: B018


def test_the_original_is_left_unguarded(case: Case) -> None:
    guard(case.pipeline, case.index)
    output = case.original()
    assert not hasattr(output, "memorization")
    assert np.ptp(np.asarray(output.images[COPY])) > 0
