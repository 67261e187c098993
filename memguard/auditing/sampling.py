"""All images of an audit: made call by call, kept as they come, never made twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from memguard.auditing.generation import Maker, seed_of
from memguard.auditing.run_folder import Kept
from memguard.auditing.samples import Sample
from memguard.errors import ConfigurationError

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


def make_all(
    maker: Maker,
    kept: Kept,
    requests: Sequence[tuple[str | None, int]],
    *,
    seed: int,
    batch_size: int,
    on_progress: Progress,
) -> list[list[Sample]]:
    """The samples of each request, a prompt (or None) and a number of images."""
    total = sum(images for _, images in requests)
    done = 0
    made = []
    for number, (prompt, images) in enumerate(requests):
        samples = kept.samples(number)
        on_progress("Generating", done + len(samples), total)
        while len(samples) < images:
            stop = min(len(samples) + batch_size, images)
            seeds = [seed_of(seed, number, i) for i in range(len(samples), stop)]
            pictures = maker.make(prompt, seeds)
            samples = kept.add(number, samples, pictures, maker.recorded(seeds)[: len(pictures)])
            on_progress("Generating", done + len(samples), total)
        done += images
        made.append(samples)
    return made


def counted(on_progress: Progress, what: str, total: int) -> Callable[[int], None]:
    """Reports progress; call what it gives with how much more is done."""
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        on_progress(what, done, total)

    advance(0)
    return advance


def request_of(maker: Maker, seed: int, batch_size: int, **asked: Any) -> dict[str, Any]:
    """What decides which images are made, as plain JSON values."""
    if batch_size < 1:
        raise ConfigurationError(f"batch_size is at least 1, not {batch_size}")
    return {
        "pipeline": maker.name,
        "arguments": maker.described,
        "seeded": maker.seeded,
        "seed": seed,
        "batch_size": batch_size,
        **asked,
    }
