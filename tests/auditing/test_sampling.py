"""Images generated call by call, and resumed where they ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from memguard.auditing.generation import PipelineCaller, image_seed
from memguard.auditing.run_folder import RunFolder
from memguard.auditing.sampling import describe_request, generate_all, progress_counter
from memguard.errors import ConfigurationError

PROMPTS = [("a", 5), ("b", 2)]


class Pipeline:
    """Makes several images in one call, and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, int]] = []

    def __call__(self, prompt: str, batch_size: int, seed: int) -> list[Image.Image]:
        self.calls.append((prompt, batch_size))
        rng = np.random.default_rng(seed)
        levels = rng.integers(0, 256, (batch_size, 8, 8, 3), dtype=np.uint8)
        return [Image.fromarray(one) for one in levels]


def generate(pipeline: Pipeline, path: Path) -> tuple[list[Any], list[tuple[str, int, int]]]:
    caller, folder = PipelineCaller(pipeline, {}), RunFolder(path)
    steps: list[tuple[str, int, int]] = []
    with folder.locked({}):
        generated = generate_all(
            caller,
            folder,
            PROMPTS,
            seed=0,
            batch_size=2,
            on_progress=lambda *now: steps.append(now),
        )
    return generated, steps


def test_every_prompt_gets_its_images_in_batches(tmp_path: Path) -> None:
    pipeline = Pipeline()
    generated, steps = generate(pipeline, tmp_path)
    assert [len(samples) for samples in generated] == [5, 2]
    assert pipeline.calls == [("a", 2), ("a", 2), ("a", 1), ("b", 2)]
    assert [sample.seed for sample in generated[0]][::2] == [image_seed(0, 0, i) for i in (0, 2, 4)]
    assert [done for _, done, _ in steps] == [0, 2, 4, 5, 5, 7]
    assert {(step, total) for step, _, total in steps} == {("Generating", 7)}


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    first, _ = generate(Pipeline(), tmp_path)
    pipeline = Pipeline()
    again, _ = generate(pipeline, tmp_path)
    assert again == first
    assert pipeline.calls == []
    (tmp_path / "samples" / "00001.json").unlink()
    assert generate(pipeline, tmp_path)[0] == first
    assert pipeline.calls == [("b", 2)]


def test_the_counter_adds_up() -> None:
    steps: list[tuple[str, int, int]] = []
    advance = progress_counter(lambda *now: steps.append(now), "Comparing", 5)
    advance(2)
    advance(3)
    assert steps == [("Comparing", 0, 5), ("Comparing", 2, 5), ("Comparing", 5, 5)]


def test_a_request_is_plain_values() -> None:
    caller = PipelineCaller(Pipeline(), {"steps": 2})
    request = describe_request(caller, 7, 4, samples=3)
    assert request == {
        "pipeline": f"{Pipeline.__module__}.Pipeline",
        "arguments": {"steps": 2},
        "seeded": True,
        "weights_sha256": None,
        "seed": 7,
        "batch_size": 4,
        "samples": 3,
    }
    with pytest.raises(ConfigurationError, match="batch_size is at least 1"):
        describe_request(caller, 7, 0)
