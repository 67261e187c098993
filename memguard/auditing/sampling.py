"""All images of an audit: generated call by call, stored at once, never made twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from memguard.auditing.generation import PipelineCaller, image_seed
from memguard.auditing.run_folder import RunFolder
from memguard.auditing.samples import Sample
from memguard.errors import ConfigurationError

Progress = Callable[[str, int, int], None]
"""Called with a step's name, the work done, and all its work."""


def generate_all(
    caller: PipelineCaller,
    folder: RunFolder,
    prompts: Sequence[tuple[str | None, int]],
    *,
    seed: int,
    batch_size: int,
    on_progress: Progress,
    order: Sequence[int] | None = None,
) -> list[list[Sample]]:
    """The samples of each prompt.

    Args:
        caller: the pipeline.
        folder: holds the samples made so far, and gets the others.
        prompts: each with its number of images; None for a model that takes no prompt.
        seed: of the audit.
        batch_size: images in one call.
        on_progress: called after each call.
        order: numbers of the prompts in the order of their turns; by default as they come.
    """
    total = sum(count for _, count in prompts)
    done = 0
    generated: list[list[Sample]] = [[] for _ in prompts]
    for number in range(len(prompts)) if order is None else order:
        prompt, count = prompts[number]
        samples = folder.samples(number)
        on_progress("Generating", done + len(samples), total)
        while len(samples) < count:
            stop = min(len(samples) + batch_size, count)
            seeds = [image_seed(seed, number, i) for i in range(len(samples), stop)]
            images = caller.generate(prompt, seeds)
            recorded = caller.recorded_seeds(seeds)[: len(images)]
            samples = folder.add(number, samples, images, recorded)
            on_progress("Generating", done + len(samples), total)
        done += count
        generated[number] = samples
    return generated


def progress_counter(on_progress: Progress, step: str, total: int) -> Callable[[int], None]:
    """A function that adds its argument to the work done, and reports the sum."""
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        on_progress(step, done, total)

    advance(0)
    return advance


def describe_request(
    caller: PipelineCaller, seed: int, batch_size: int, **asked: Any
) -> dict[str, Any]:
    """What decides which images are made, as plain JSON values.

    Raises:
        ConfigurationError: the batch size is below 1.
    """
    if batch_size < 1:
        raise ConfigurationError(f"batch_size is at least 1, not {batch_size}")
    return {
        "pipeline": caller.name,
        "arguments": caller.plain_arguments,
        "seeded": caller.seeded,
        "weights_sha256": caller.weights_sha256,
        "seed": seed,
        "batch_size": batch_size,
        **asked,
    }
