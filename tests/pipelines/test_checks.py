"""Every position of an output gets its verdict; what is far from any image is not shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.guarded_images import COPY, NOVEL, drawing, is_blank, unit
from PIL import Image

from memguard import Guard, guard
from memguard.pipelines.checks import unreadable
from memguard.pipelines.levels import NOT_FINITE
from memguard.pipelines.outputs import find_images


def video(*seeds: int) -> torch.Tensor:
    """One video of these drawings."""
    return torch.from_numpy(np.stack([unit(seed) for seed in seeds])).movedim(-1, 1)[None]


def test_none_in_a_batch_has_its_verdict(index: Path) -> None:
    """The pipeline's own safety checker took an image out."""
    guarded = guard(lambda: {"images": [drawing(NOVEL), None, drawing(COPY)]}, index)
    first, second, third = guarded()["images"]
    assert not is_blank(first)
    assert second is None
    assert is_blank(third)
    labels = [verdict.label for verdict in guarded.last_verdicts]
    assert labels == ["clear", "uninformative", "memorized"]
    assert "None" in guarded.last_verdicts[1].why


def test_a_copy_beside_the_images_is_withheld(index: Path) -> None:
    guarded = guard(lambda: {"images": [drawing(NOVEL)], "extra": {"x": drawing(COPY)}}, index)
    shown = guarded()
    assert not is_blank(shown["images"][0])
    assert is_blank(shown["extra"]["x"])


@pytest.mark.parametrize(
    "image",
    [
        15.9 * unit(COPY),
        unit(COPY) * 1000,
        Image.fromarray(15.9 * unit(COPY)[..., 0]),
        Image.fromarray((4000 * unit(COPY)[..., 0]).astype(np.uint16)),
    ],
    ids=["array up to 15.9", "array up to 1000", "Pillow F", "Pillow I;16 of 12 bits"],
)
def test_levels_far_from_any_image_are_not_shown(index: Path, image: Any) -> None:
    guarded = guard(lambda: [image], index)
    (shown,) = guarded()
    assert is_blank(shown)
    (verdict,) = guarded.last_verdicts
    assert verdict.label == "unchecked"
    assert "levels from" in verdict.why


def test_a_video_with_a_copy_is_withheld_as_a_tuple_and_as_an_output(index: Path) -> None:
    frames = video(NOVEL, COPY, NOVEL + 1)
    for output in ((frames, None), {"frames": frames}, {"frames": list(frames)}):
        guarded = guard(lambda output=output: output, index)
        shown = guarded()
        (verdict,) = guarded.last_verdicts
        assert verdict.label == "memorized"
        tensor = shown[0] if isinstance(shown, tuple) else shown["frames"][0]
        first, second, _ = tensor.reshape(-1, 3, 64, 64)
        assert torch.equal(first, second), "the last clear frame stands still"


def test_frames_that_cannot_be_read_are_named() -> None:
    broken = video(NOVEL, COPY)
    broken[0, 1, 0, 0, 0] = np.nan
    assert unreadable(find_images([drawing(COPY), *broken[:, 1]]).pictures) == [NOT_FINITE]
    assert unreadable(find_images(broken).pictures) == [NOT_FINITE]
    assert unreadable(find_images([drawing(COPY), None]).pictures) == []


def test_the_check_of_an_output_with_a_video(index: Path) -> None:
    verdicts = Guard(index).check({"frames": video(NOVEL, COPY), "preview": drawing(NOVEL)})
    assert [verdict.label for verdict in verdicts] == ["memorized", "clear"]
