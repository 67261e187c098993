"""How much do small diffusion models memorize, and how much of it gets past `guard`?

    python -m benchmarks.extraction CACHE OUT [--only MODEL ...] [--quick]

Trains small models on real pictures of which some are repeated 2 to 100 times, samples them, and
finds the samples that are copies by their pixels (`ground_truth`), by repeats, model size, training
steps and deduplication. Then the same samples pass through `guard` under each policy (`guarded`),
and the captioned model is audited without an index (`audit`). CACHE is that of
`benchmarks.common.pictures`; OUT keeps models, samples and indexes. Writes
results/extraction.json and .md, the plot extraction.png and sheets of samples. README.md has time
and data.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.extraction.audit import audit_model
from benchmarks.extraction.ground_truth import CRITERIA, RELATIVE, Level, Truth, measure_truth
from benchmarks.extraction.guarded import (
    CODE,
    Outcome,
    calibration_of,
    deduplicated,
    guard_samples,
    index_of,
    regenerate,
)
from benchmarks.extraction.pictures import Pool, pool
from benchmarks.extraction.plots import Pair, plot, sheet
from benchmarks.extraction.report import BARRED, PACKAGES, markdown_report
from benchmarks.extraction.train import Model, Recipe
from memguard.demo.training import SAMPLING_STEPS

LADDER = {100: 5, 50: 5, 10: 5, 5: 5, 2: 5}
"""Number of files to how many pictures have that many; all others have one."""
TEN = {50: 10}
"""The training set on which the bars are measured."""
SMALL = (16, 32, 32)
"""Channels of the small model, which has a quarter of the weights."""
SAMPLING_SEED, REGENERATING_SEED = 0, 1
SHOWN = 48
"""Samples in each section of a sheet."""
GUARDED = (*BARRED, "duplicated", "deduplicated")
"""Models whose samples pass through guard."""


@dataclass(frozen=True)
class Scale:
    """How long models are trained and how much is sampled.

    Attributes:
        steps, captioned_steps: optimizer steps.
        compared: the step at which models of other sizes and without duplicates are compared. All
            have the same schedule; its first half is what the time allows for all of them.
        checkpoints: steps at which the model of many repeats is sampled, the last one included.
        samples, barred_samples: of each model; of those on which the bars are measured.
        regenerated: images of the run with `regenerate`.
        audit_images: samples of each prompt of the audit.
    """

    steps: int = 2000
    captioned_steps: int = 1200
    compared: int = 1000
    checkpoints: tuple[int, ...] = (500, 1000, 1500, 2000)
    samples: int = 512
    barred_samples: int = 1024
    regenerated: int = 64
    audit_images: int = 16

    @property
    def curves(self) -> tuple[tuple[str, int], ...]:
        """Models, and the steps at which their levels are plotted."""
        return (
            ("small", self.compared),
            ("duplicated", self.compared),
            ("duplicated", self.steps),
        )


FULL = Scale()
QUICK = Scale(
    steps=40,
    captioned_steps=40,  # fewer leave the learning rate no step to rise
    compared=20,
    checkpoints=(10, 20, 30, 40),
    samples=16,
    barred_samples=16,
    regenerated=4,
    audit_images=4,
)
"""Shows that everything runs; its models have learned nothing."""

Steps = Mapping[int, Truth]
"""Step to the truth about the samples of the model at that step."""


def models(pictures: Pool, cache: Path, scale: Scale) -> dict[str, Model]:
    """All models of the benchmark, by name."""
    ladder = pictures.training_set(LADDER, first=0)
    ten = pictures.training_set(TEN, first=25)
    captioned = pictures.training_set(TEN, first=35, captioned=True)
    others = pictures.training_set(TEN, first=45)
    to_the_end = Recipe(scale.steps, (scale.steps,))
    to_compare = Recipe(scale.steps, (scale.compared,))
    captions = Recipe(scale.captioned_steps, (scale.captioned_steps,))
    return {
        model.name: model
        for model in (
            Model("duplicated", ladder, replace(to_the_end, checkpoints=scale.checkpoints)),
            Model(BARRED[0], ten, to_the_end),
            Model(BARRED[1], others, replace(to_the_end, seed=2)),
            Model("captioned", captioned, captions, captioned=True),
            Model("deduplicated", deduplicated(ladder, cache), to_compare),
            Model("small", ladder, replace(to_compare, channels=SMALL)),
        )
    }


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    started = time.monotonic()
    out: Path = options.out / "quick" if options.quick else options.out
    results = out if options.quick else RESULTS
    scale = QUICK if options.quick else FULL
    pictures = pool(options.cache)
    known = models(pictures, out, scale)
    chosen = {name: known[name] for name in options.only or known}

    measured: dict[str, Steps] = {}
    for name, model in chosen.items():
        if model.captioned:
            model.trained(out, model.recipe.last)
            continue
        measured[name] = {
            step: measure_truth(samples(model, out, step, scale), model.pictures, pictures.left_out)
            for step in model.recipe.checkpoints
        }
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    if options.only:
        return

    index = index_of(known[BARRED[0]].pictures, out)
    sampled = {name: samples(known[name], out, known[name].recipe.last, scale) for name in GUARDED}
    outcomes: dict[str, Outcome] = {}
    for name, images in sampled.items():
        outcomes[name] = guard_samples(index, images)
        print(f"guard on {name}: {time.monotonic() - started:.0f} s", flush=True)
    barred = known[BARRED[0]]
    sampler = barred.trained(out, barred.recipe.last)
    regenerated = regenerate(index, sampler, scale.regenerated, REGENERATING_SEED)
    audit = audit_model(known["captioned"], pictures.left_out, out, scale.audit_images)

    summary = {
        **provenance(PACKAGES),
        "pictures": {
            "stamps": len(pictures.stamps),
            "pieces of photographs": len(pictures.pieces),
            "left out": len(pictures.left_out),
        },
        "models": {name: described(model, out) for name, model in known.items()},
        "source": CODE,
        "compared step": scale.compared,
        "sampling": {"steps": SAMPLING_STEPS, "seed": SAMPLING_SEED},
        "extraction": {
            name: {str(step): as_json(one) for step, one in steps.items()}
            for name, steps in measured.items()
        },
        "calibration": calibration_of(index),
        "guard": {name: by_criterion(outcomes[name], final(measured[name])) for name in GUARDED},
        "regenerate": regenerated.figures(
            lambda images: RELATIVE.copies(
                measure_truth(images, barred.pictures, pictures.left_out)
            )
        ),
        "audit": audit,
    }
    results.mkdir(parents=True, exist_ok=True)
    (results / "extraction.json").write_text(json.dumps(summary, indent=1) + "\n")
    text = markdown_report(summary)
    (results / "extraction.md").write_text(text)
    print(text)
    draw(measured, summary, scale, results / "extraction.png")
    for name in BARRED:
        shown = sections(final(measured[name]), outcomes[name], sampled[name])
        sheet(shown, results / f"extraction_samples_{name.replace(' ', '_')}.png")
    print(f"{time.monotonic() - started:.0f} s")


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.extraction", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("cache", type=Path, help="cache of benchmarks.common.pictures")
    arguments.add_argument("out", type=Path, help="keeps models, samples and indexes")
    arguments.add_argument("--only", nargs="+", help="train and sample these models, then stop")
    arguments.add_argument(
        "--quick",
        action="store_true",
        help="a few steps and samples, to see that it runs; results go to OUT/quick",
    )
    return arguments.parse_args()


def samples(model: Model, cache: Path, step: int, scale: Scale) -> list[Image.Image]:
    """Samples of a model without captions, from the cache if they are there."""
    count = scale.barred_samples if model.name in BARRED else scale.samples
    kept = cache / "samples" / model.file(cache, step).parent.name / f"{step:05d}-{count}.npz"
    if not kept.is_file():
        sampler = model.trained(cache, step)
        images = sampler(count, torch.Generator().manual_seed(SAMPLING_SEED)).images
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, levels=np.stack([np.asarray(image) for image in images]))
    return [Image.fromarray(levels) for levels in np.load(kept)["levels"]]


def final(steps: Steps) -> Truth:
    """The truth about the model at the end of its training."""
    return steps[max(steps)]


def by_criterion(guard: Outcome, one: Truth) -> dict[str, Any]:
    """What guard did to copies and to other samples, by each criterion."""
    return {
        criterion.name: guard.figures(criterion.copies(one), criterion.others(one))
        for criterion in CRITERIA
    }


def described(model: Model, cache: Path) -> dict[str, Any]:
    """A model's hyperparameters and the size of its training set."""
    weights = sum(
        weight.numel() for weight in model.trained(cache, model.recipe.last).denoiser.parameters()
    )
    recipe = model.recipe
    return {
        "weights": weights,
        "channels": recipe.channels,
        "steps": recipe.steps,
        "batch": recipe.batch,
        "seed": recipe.seed,
        "captioned": model.captioned,
        "distinct pictures": len(model.pictures.examples),
        "files": sum(model.pictures.repeats),
    }


def as_json(one: Truth) -> dict[str, Any]:
    """What the samples of one model copy."""
    return {
        "samples": len(one.distance),
        "copies": {criterion.name: int(criterion.copies(one).sum()) for criterion in CRITERIA},
        "copies of left-out pictures": {
            RELATIVE.name: int((one.left_out_relative < 1).sum()),
            **{
                criterion.name: int((one.left_out_distance <= criterion.distance).sum())
                for criterion in CRITERIA
                if criterion.distance is not None
            },
        },
        "levels": [level_as_json(level) for level in one.levels()],
        "(k, l2, 0.15)-eidetic": one.eidetic,
        "l2 to the nearest training picture, percentiles 5 25 50 75 95": [
            round(float(value), 3) for value in np.percentile(one.distance, (5, 25, 50, 75, 95))
        ],
    }


def level_as_json(level: Level) -> dict[str, Any]:
    """The number of repeats keeps the name that it has in older result files."""
    return {
        "copies": level.repeats,
        "pictures": level.pictures,
        "extracted": level.extracted,
        "samples": level.samples,
        "expected": level.expected,
        "rate": level.rate,
    }


def draw(
    measured: Mapping[str, Steps], summary: Mapping[str, Any], scale: Scale, path: Path
) -> None:
    """Write the plot."""
    ladder = measured["duplicated"]
    is_repeated = np.array(ladder[scale.steps].pictures.repeats) > 1

    def shares(one: Truth) -> tuple[float, float]:
        copies = one.relative < 1
        of_repeated = is_repeated[one.nearest]
        repeated, others = copies & of_repeated, copies & ~of_repeated
        return 100 * float(repeated.mean()), 100 * float(others.mean())

    def share(count: int, total: int) -> float:
        return 100 * count / max(total, 1)

    guard = summary["guard"][BARRED[0]][RELATIVE.name]
    plot(
        {
            f"{summary['models'][name]['weights'] / 1e6:.1f} million weights, {step} steps": (
                measured[name][step].levels()
            )
            for name, step in scale.curves
        },
        {
            str(repeats): [
                (step, 100 * level.rate)
                for step, one in ladder.items()
                for level in one.levels()
                if level.repeats == repeats
            ]
            for repeats in (1, *sorted(LADDER))
        },
        {
            f"with repeats, {scale.compared} steps": shares(ladder[scale.compared]),
            f"without, {scale.compared} steps": shares(measured["deduplicated"][scale.compared]),
        },
        {
            policy: (
                share(counts["copies through"], guard["copies"]),
                share(counts["others stopped"], guard["others"]),
            )
            for policy, counts in guard["policies"].items()
        },
        path,
    )


def sections(one: Truth, guard: Outcome, images: Sequence[Image.Image]) -> dict[str, list[Pair]]:
    """Samples with their nearest training pictures, by what they are and what guard did."""
    blocked, copies = guard.stopped["block"], one.relative < 1

    def pairs(which: NDArray[np.bool_]) -> list[Pair]:
        return [
            (images[i], one.pictures.examples[int(one.nearest[i])].image)
            for i in np.flatnonzero(which)[:SHOWN]
        ]

    def heading(what: str, which: NDArray[np.bool_]) -> str:
        return f"{what}: {int(which.sum())} of {len(which)} samples"

    parts = {
        "Copies that guard blocked": copies & blocked,
        "Copies that got through": copies & ~blocked,
        "Blocked, and no copies by relative l2": ~copies & blocked,
        "Shown, and no copies": ~copies & ~blocked,
    }
    return {heading(what, which): pairs(which) for what, which in parts.items()}


if __name__ == "__main__":
    main()
