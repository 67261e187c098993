"""The demo: train a model that memorizes, index its training set, guard it, and look.

Everything is real and small: photographs, a diffusion model, an index, a guarded pipeline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw

from memguard.defaults import DEMO_SAMPLES
from memguard.demo.photographs import cut_pictures, write_folder
from memguard.demo.training import DEMO_RECIPE, SAMPLING_STEPS, Recipe, train
from memguard.demo.verdict_picture import Example, write_verdict_picture
from memguard.index import Index
from memguard.lifecycle import build_index
from memguard.pipelines.guard import guard
from memguard.verdict import Verdict

THREADS = 1
"""Of torch: at this size a second thread gains little, and on a busy machine it costs much."""

SEED = 0
"""Of the samples."""

CELL = 96
"""Pixels on the side of each picture in the demo's picture."""

MARGIN = 10
EXAMPLES = 3
SHOWN = 8
"""Blocked samples and passed samples that the picture shows, each."""


@dataclass(frozen=True)
class DemoResult:
    """What came out.

    Attributes:
        verdicts: one per sample.
        distinct: how many different training images were copied.
        picture: the PNG that shows each blocked sample beside its training image.
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
        """How many samples got this label."""
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
        recipe: how the model is trained.
        on_step: called with what is being done and how far it is.

    Raises:
        ConfigurationError: scikit-image or diffusers is not installed.
    """
    torch.set_num_threads(THREADS)
    training_set = folder / "training"
    write_folder(cut_pictures().training, training_set)
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
    made = pipe(generator=torch.Generator().manual_seed(SEED), **arguments).images
    on_step("Sampling", 1, 2)
    output = guarded(generator=torch.Generator().manual_seed(SEED), **arguments)
    on_step("Sampling", 2, 2)

    picture = folder / "demo.png"
    draw(made, output.images, output.memorization, guarded.guard.index).save(picture)
    copied = {v.matches[0].id for v in output.memorization if v.label == "memorized"}
    return DemoResult(
        tuple(output.memorization),
        len(copied),
        picture,
        _write_clearest(folder, made, output.memorization, guarded.guard.index),
        index,
    )


def draw(
    made: Sequence[Image.Image],
    shown: Sequence[Image.Image],
    verdicts: Sequence[Verdict],
    index: Index,
) -> Image.Image:
    """Blocked samples (made, shown, training image) above some that passed (shown, nearest)."""
    blocked = _varied([i for i, v in enumerate(verdicts) if v.label == "memorized"], verdicts)
    passed = [i for i, verdict in enumerate(verdicts) if verdict.label == "clear"]

    def nearest(i: int) -> Image.Image:
        record = index.find(verdicts[i].matches[0].id)
        return record.image() if record else Image.new("RGB", (CELL, CELL))

    rows = [
        ("BLOCKED: the model made", [made[i] for i in blocked]),
        ("the guard showed", [shown[i] for i in blocked]),
        ("the training image", [nearest(i) for i in blocked]),
        ("PASSED: the guard showed", [shown[i] for i in passed]),
        ("the nearest training image", [nearest(i) for i in passed]),
    ]
    left = 180
    canvas = Image.new(
        "RGB",
        (left + SHOWN * (CELL + MARGIN), MARGIN + len(rows) * (CELL + MARGIN)),
        "white",
    )
    pen = ImageDraw.Draw(canvas)
    for row, (title, pictures) in enumerate(rows):
        top = MARGIN + row * (CELL + MARGIN)
        pen.text((MARGIN, top + CELL // 2), title, fill="black", anchor="lm")
        for column, picture in enumerate(pictures[:SHOWN]):
            enlarged = picture.resize((CELL, CELL), Image.Resampling.NEAREST)
            canvas.paste(enlarged, (left + column * (CELL + MARGIN), top))
    return canvas


def _clearest(verdicts: Sequence[Verdict]) -> list[int]:
    """Where the clearest copy of each of a few training images is."""
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


def _varied(positions: Sequence[int], verdicts: Sequence[Verdict]) -> list[int]:
    """The positions, those first whose training image has not been shown before."""
    seen: Counter[str] = Counter()
    turns = []
    for i in positions:
        original = verdicts[i].matches[0].id
        turns.append((seen[original], i))
        seen[original] += 1
    return [i for _, i in sorted(turns)]
