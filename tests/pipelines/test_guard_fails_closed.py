"""What cannot be checked is not shown: broken indexes, NaN, outputs that cannot be read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.guarded_images import (
    COPY,
    NOVEL,
    QUICK,
    Frozen,
    counted,
    drawing,
    is_blank,
    two,
    unit,
)
from fixtures.tiny_pipelines import stable_diffusion
from PIL import Image

from memguard import (
    CheckFailedError,
    ConfigurationError,
    NoVerdictsError,
    UnsupportedOutputError,
    guard,
)


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
    with pytest.raises(NoVerdictsError):
        guarded.last_verdicts  # noqa: B018


def test_a_check_that_breaks_lets_pass_if_asked_to(own_index: Path) -> None:
    guarded = broken(guard(two, own_index, on_error="pass"), own_index)
    assert [is_blank(image) for image in guarded()] == [False, False]
    assert {verdict.label for verdict in guarded.last_verdicts} == {"unchecked"}


def test_what_is_done_then_may_be_changed(own_index: Path) -> None:
    guarded = broken(guard(two, own_index), own_index)
    guarded.guard.on_error = "raise"
    with pytest.raises(CheckFailedError):
        guarded()
    with pytest.raises(ConfigurationError, match="unknown on_error='x'"):
        guarded.guard.on_error = "x"


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
@pytest.mark.parametrize("returned", [None, "copy.png", {"seed": 7}, [drawing(COPY), "copy.png"]])
def test_an_output_that_cannot_be_read_is_not_shown(
    index: Path, returned: Any, action: Any, on_error: Any
) -> None:
    guarded = guard(lambda: returned, index, policy=action, on_error=on_error)
    with pytest.raises(UnsupportedOutputError, match="found no images in an output of type"):
        guarded()
    with pytest.raises(NoVerdictsError):
        guarded.last_verdicts  # noqa: B018


def test_an_output_that_cannot_be_read_passes_if_asked_to(index: Path) -> None:
    answer = [drawing(COPY), "copy.png"]
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


def test_an_error_of_the_pipeline_is_its_own(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index)
    guarded("a castle", **QUICK)
    with pytest.raises(ValueError, match="`prompt` has to be of type"):
        guarded(7, **QUICK)
    with pytest.raises(NoVerdictsError):  # not those of the call before
        guarded.last_verdicts  # noqa: B018


def test_no_images_need_no_check(index: Path) -> None:
    guarded = guard(lambda: two()[:0], index)
    assert guarded() == []
    assert guarded.last_verdicts == ()


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


def test_an_image_without_pixels_is_not_shown(index: Path) -> None:
    with pytest.raises(UnsupportedOutputError, match="0 x 8 pixels shows nothing"):
        guard(lambda: [drawing(NOVEL), Image.new("RGB", (0, 8))], index)()
