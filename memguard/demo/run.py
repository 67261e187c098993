"""The demo: train a model that memorizes, index its training set, guard it, and look.

Everything is small and real: photographs, a diffusion model, an index, a guarded pipeline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from memguard.defaults import DEMO_SAMPLES
from memguard.demo.sheet import draw_sheet
from memguard.demo.training import DEMO_RECIPE, SAMPLING_STEPS, Recipe, train
from memguard.demo.training_set import cut_training_set, write_folder
from memguard.demo.verdict_picture import Example, write_verdict_picture
from memguard.index import Index
from memguard.lifecycle import build_index
from memguard.pipelines.guard import guard
from memguard.verdict import Verdict

TORCH_THREADS = 1
"""At this size a second thread gains little, and on a busy machine it costs much."""

SAMPLING_SEED = 0

EXAMPLES = 3
"""Training images whose clearest copy is shown with its verdict."""


@dataclass(frozen=True)
class DemoResult:
    """The verdicts of the demo, and the files that it wrote.

    Attributes:
        verdicts: one per sample.
        distinct: number of training images that were copied.
        picture: the PNG that shows each blocked sample next to its training image.
        verdict_picture: the PNG of the clearest copies and their verdicts; None where nothing
            was blocked.
        index: the index, for further looks with ``memguard check`` and ``memguard info``.
    """

    verdicts: tuple[Verdict, ...]
    distinct: int
    picture: Path
    verdict_picture: Path | None
    index: Path

    def count(self, label: str) -> int:
        """The number of samples with this label."""
        return sum(verdict.label == label for verdict in self.verdicts)

    def examples(self) -> list[Verdict]:
        """The clearest copy of each of a few training images."""
        return [self.verdicts[i] for i in _clearest(self.verdicts)]


def run_demo(
    folder: Path,
    cache: Path,
    *,
    samples: int = DEMO_SAMPLES,
    recipe: Recipe = DEMO_RECIPE,
    on_step: Callable[[str, int, int | None], None] = lambda _what, _done, _total: None,
) -> DemoResult:
    """Run the demo.

    Args:
        folder: receives the training set, the index and the picture.
        cache: keeps the trained model, so that the next run is quick.
        samples: images to generate.
        recipe: hyperparameters of the training.
        on_step: called with the step's name, the work done and all its work (None: unknown).

    Raises:
        ConfigurationError: scikit-image or diffusers is not installed.
    """
    torch.set_num_threads(TORCH_THREADS)
    training_set = folder / "training"
    write_folder(cut_training_set(), training_set)
    pipe = train(training_set, cache, recipe, lambda *now: on_step("Training", *now))
    index = folder / "training.memguard"
    build_index(
        training_set,
        index,
        weights={},
        on_progress=lambda now: on_step("Indexing", now.done, now.total),
        on_calibration=lambda done, total: on_step("Calibrating", done, total),
    )

    guarded = guard(pipe, index=index)
    arguments: dict[str, Any] = {"batch_size": samples, "num_inference_steps": SAMPLING_STEPS}
    on_step("Sampling", 0, 2)
    made = pipe(generator=torch.Generator().manual_seed(SAMPLING_SEED), **arguments).images
    on_step("Sampling", 1, 2)
    output = guarded(generator=torch.Generator().manual_seed(SAMPLING_SEED), **arguments)
    on_step("Sampling", 2, 2)

    picture = folder / "demo.png"
    sheet = draw_sheet(made, output.images, output.memorization, guarded.guard.index)
    sheet.save(picture)
    copied = {v.matches[0].id for v in output.memorization if v.label == "memorized"}
    return DemoResult(
        tuple(output.memorization),
        len(copied),
        picture,
        _write_clearest(folder, made, output.memorization, guarded.guard.index),
        index,
    )


def _clearest(verdicts: Sequence[Verdict]) -> list[int]:
    """Positions of the clearest copy of each of a few training images."""
    best: dict[str, int] = {}
    for i in sorted(range(len(verdicts)), key=lambda i: -verdicts[i].score):
        if verdicts[i].label == "memorized":
            best.setdefault(verdicts[i].matches[0].id, i)
    return list(best.values())[:EXAMPLES]


def _write_clearest(
    folder: Path, made: Sequence[Image.Image], verdicts: Sequence[Verdict], index: Index
) -> Path | None:
    examples = [
        Example(made[i], record.image(), verdicts[i])
        for i in _clearest(verdicts)
        if (record := index.find(verdicts[i].matches[0].id)) is not None
    ]
    if not examples:
        return None
    path = folder / "verdict.png"
    write_verdict_picture(path, examples)
    return path
