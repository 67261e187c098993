"""Every class of outputs of the installed diffusers is known, and checked or refused."""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch
from diffusers.modular_pipelines import PipelineState
from fixtures.guarded_images import drawing
from fixtures.output_classes import (
    IMAGES,
    KEYFRAMES,
    MAPS,
    NO_PICTURES,
    PAGE,
    VIDEOS,
    fields,
    output_classes,
    pictured,
    table,
)
from PIL import Image

from memguard.pipelines.outputs import find_images


@pytest.fixture(scope="module")
def classes() -> list[type]:
    return output_classes()


def test_every_field_is_known(classes: list[type]) -> None:
    """Of a new one, say in fixtures/output_classes.py what it holds."""
    known = IMAGES | MAPS | VIDEOS | KEYFRAMES | NO_PICTURES
    unknown = {kind.__name__: {*fields(kind)} - known for kind in classes}
    assert {name: names for name, names in unknown.items() if names} == {}


def test_all_are_found(classes: list[type]) -> None:
    videos = [kind for kind in classes if {"frames"} & {*pictured(kind)}]
    assert len(classes) > 80
    assert len(videos) >= 27


def test_the_page_says_what_a_guard_does() -> None:
    page = table()
    assert "not found" not in page
    assert "not exchanged" not in page
    written = PAGE.read_text(encoding="utf-8")
    assert page == written, (
        f"diffusers {diffusers.__version__} has other outputs than docs/output-classes.md says: "
        "PYTHONPATH=tests python -m fixtures.output_classes"
    )


def test_the_state_of_a_modular_pipeline() -> None:
    """Images, and all that they were made of."""
    state = PipelineState()
    for name, value in {
        "prompt": "a cat",
        "prompt_embeds": torch.randn(1, 77, 768),
        "timesteps": torch.arange(4),
        "generator": torch.Generator(),
        "latents": torch.ones(1, 4, 8, 8),
        "images": [drawing(1)],
        "output_type": "pil",
    }.items():
        state.set(name, value)
    output = find_images(state)
    assert output.pieces == [drawing(1)]
    changed = output.replaced({0: output.rendered(0, Image.new("RGB", (1, 1)))})
    assert isinstance(changed, PipelineState)
    assert np.ptp(np.asarray(changed.get("images")[0])) == 0
    assert np.ptp(np.asarray(changed.images[0])) == 0
    assert not changed.get("latents").any()
    assert state.get("images") == [drawing(1)]
    assert state.get("latents").all()
