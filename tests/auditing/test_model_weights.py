"""The hash of a model's weights."""

from __future__ import annotations

from pathlib import Path

import torch
from fixtures import tiny_pipelines

from memguard import guard
from memguard.auditing.model_weights import weights_sha256


def test_equal_pipelines_have_equal_weights() -> None:
    first, second = weights_sha256(tiny_pipelines.ddpm()), weights_sha256(tiny_pipelines.ddpm())
    assert first == second
    assert first is not None
    assert len(first) == 64


def test_a_guarded_pipeline_has_the_weights_of_the_pipeline(gallery: Path) -> None:
    pipe = tiny_pipelines.ddpm()
    before = weights_sha256(pipe)
    assert weights_sha256(guard(pipe, gallery)) == before


def test_a_changed_number_or_type_changes_the_hash() -> None:
    pipe = tiny_pipelines.stable_diffusion()
    before = weights_sha256(pipe)
    with torch.no_grad():
        next(pipe.text_encoder.parameters()).flatten()[0] += 1e-3
    changed = weights_sha256(pipe)
    assert changed != before
    assert weights_sha256(pipe.to(dtype=torch.bfloat16)) not in (before, changed)


def test_a_module_alone() -> None:
    layer = torch.nn.Linear(2, 3)
    assert weights_sha256(layer) is not None
    assert weights_sha256(layer) != weights_sha256(torch.nn.Linear(2, 3))


def test_what_shows_no_weights_has_no_hash() -> None:
    assert weights_sha256(lambda prompt: prompt) is None
    assert weights_sha256(torch.nn.Linear(2, 3, device="meta")) is None
