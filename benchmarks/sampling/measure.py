"""What is read of each prompt's first step, and what the model then makes of it."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.extraction.ground_truth import RELATIVE, measure_truth
from benchmarks.sampling.pictures import Captioned
from benchmarks.sampling.train import TextToImage
from memguard.sampling.text_guidance import Reading, reading

BATCH = 60
"""Images made at once."""
NOISES = 4
"""First steps that are read of each prompt, and images that are made of a repeated one: one noise
each."""
READING_SEED, IMAGE_SEED = 0, 1
MEMORIZED_SHARE = 0.5
"""Share of a repeated prompt's images that must be copies, for it to count as memorized."""
BOOTSTRAPS = 2000
RUNS = 7
"""Calls that are timed."""

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Prompts:
    """The prompts of one model, with what was read and made of them.

    Attributes:
        captions: of repeated pictures, of pictures seen once, and of left-out ones.
        groups: which of these each is: ``repeated``, ``once``, ``left out``.
        values: text guidance of the first step, (prompts, NOISES).
        copies: share of its images that copy a training picture, (prompts,).
        chance: images that "copy" a left-out picture, by the same criterion.
        images: all images made.
    """

    captions: list[str]
    groups: list[str]
    values: Values
    copies: Values
    chance: int
    images: int

    @property
    def memorized(self) -> Flags:
        """Prompts of repeated pictures whose images are copies."""
        return np.asarray(self._repeated & (self.copies >= MEMORIZED_SHARE))

    @property
    def ordinary(self) -> Flags:
        """Prompts of other pictures, whose image is no copy."""
        return np.asarray(~self._repeated & (self.copies == 0))

    @property
    def _repeated(self) -> Flags:
        return np.array([group == "repeated" for group in self.groups])

    def save(self, file: Path) -> None:
        """Keep all of it."""
        np.savez_compressed(file, **vars(self))

    @classmethod
    def load(cls, file: Path) -> Prompts:
        """The inverse of :meth:`save`."""
        kept = np.load(file)
        return cls(
            kept["captions"].tolist(),
            kept["groups"].tolist(),
            kept["values"],
            kept["copies"],
            int(kept["chance"]),
            int(kept["images"]),
        )


def measure_prompts(pipe: TextToImage, pictures: Captioned, each: int | None) -> Prompts:
    """Read the first steps of all prompts, make their images, and look which are copies.

    Args:
        pipe: the model.
        pictures: the model's, and those that it never saw.
        each: prompts of each group at most; None for all.
    """
    examples, repeats = pictures.trained.examples, pictures.trained.repeats
    by_group = {
        "repeated": [one.caption for one, files in zip(examples, repeats) if files > 1][:each],
        "once": [one.caption for one, files in zip(examples, repeats) if files == 1][:each],
        "left out": [one.caption for one in pictures.left_out][:each],
    }
    captions = [caption for group in by_group.values() for caption in group]
    groups = [name for name, group in by_group.items() for _ in group]
    generator = torch.Generator().manual_seed(READING_SEED)
    values: list[float] = []
    for start in range(0, len(captions), BATCH // NOISES):
        part = captions[start : start + BATCH // NOISES]
        with reading(pipe, stop=True) as seen:
            pipe(part, num_images_per_prompt=NOISES, generator=generator)
        values += [one.value for one in seen.text_guidance]
    wanted = [number for number, name in enumerate(groups) for _ in range(_images(name))]
    images = []
    generator = torch.Generator().manual_seed(IMAGE_SEED)
    for start in range(0, len(wanted), BATCH):
        part = [captions[number] for number in wanted[start : start + BATCH]]
        images += pipe(part, generator=generator).images
    truth = measure_truth(images, pictures.trained, pictures.left_out)
    copied = RELATIVE.copies(truth).astype(float)
    counts = np.bincount(wanted)
    return Prompts(
        captions,
        groups,
        np.array(values).reshape(len(captions), NOISES),
        np.bincount(wanted, weights=copied) / counts,
        int((truth.left_out_relative < 1).sum()),
        len(images),
    )


def _images(group: str) -> int:
    return NOISES if group == "repeated" else 1


def auc(positive: Values, negative: Values) -> float:
    """The chance that a positive lies above a negative; a tie counts half."""
    ordered = np.sort(negative)
    below = np.searchsorted(ordered, positive, side="left")
    upto = np.searchsorted(ordered, positive, side="right")
    return float((below + upto).mean() / 2 / len(negative))


def recall_at(positive: Values, negative: Values, rate: float) -> float:
    """The share of positives above a threshold that at most ``rate`` of the negatives exceed."""
    threshold = np.sort(negative)[len(negative) - 1 - int(rate * len(negative))]
    return float((positive > threshold).mean())


def with_interval(
    figure: Callable[[Values, Values], float], positive: Values, negative: Values
) -> dict[str, float]:
    """A figure with its 95 % interval, by the bootstrap over prompts."""
    rng = np.random.default_rng(0)
    drawn = [
        figure(rng.choice(positive, len(positive)), rng.choice(negative, len(negative)))
        for _ in range(BOOTSTRAPS)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5))
    value = figure(positive, negative)
    return {"value": round(value, 4), "low": round(low, 4), "high": round(high, 4)}


def cost(pipe: TextToImage, prompts: Sequence[str]) -> dict[str, float]:
    """Seconds of a generation, of what reads it, and of a call that ends after its first step.

    What reads it is timed by itself: its share is less than two generations differ by chance.
    """
    whole, read, step = [], [], []
    for _ in range(RUNS):
        generator = torch.Generator().manual_seed(IMAGE_SEED)
        with timed_reading() as seconds:
            started = time.process_time()
            with reading(pipe):
                pipe(prompts, generator=generator)
            whole.append(time.process_time() - started)
        started = time.process_time()
        with reading(pipe):
            pass
        read.append(sum(seconds) + time.process_time() - started)
        started = time.process_time()
        with reading(pipe, stop=True):
            pipe(prompts, generator=generator)
        step.append(time.process_time() - started)
    return {
        name: round(statistics.median(each), 6)
        for name, each in {"generation": whole, "reading": read, "one step": step}.items()
    }


@contextlib.contextmanager
def timed_reading() -> Iterator[list[float]]:
    """The seconds that each forward's reading takes."""
    seconds: list[float] = []
    original = Reading.see

    def see(self: Reading, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        started = time.process_time()
        original(self, args, kwargs, output)
        seconds.append(time.process_time() - started)

    Reading.see = see  # type: ignore[method-assign]
    try:
        yield seconds
    finally:
        Reading.see = original  # type: ignore[method-assign]
