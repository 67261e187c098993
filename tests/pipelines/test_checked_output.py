"""Images made again: attempts, fresh seeds, failures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fixtures.guarded_images import (
    COPY,
    NOVEL,
    QUICK,
    counted,
    drawing,
    generator,
    is_blank,
    two,
)
from fixtures.seeded_models import PIXELS
from PIL import Image

from memguard import Policy, guard


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
