"""How much do small diffusion models memorize, and how much of it does `guard` let through?

    python -m benchmarks.extraction CACHE OUT [--only MODEL ...]

Trains small models on real pictures that stand 1 to 100 times in the training set, samples them,
and asks what the samples copy (`ground_truth`: the criterion of Carlini et al. 2023, on
pixels), against duplication, model size, training steps and deduplication. Then the same samples
pass through `guard` under each policy (`guarded`), and the captioned model is audited
without an index (`audit`). Models and samples stay in OUT (about 35 minutes of a
free core the first time); indexes do, too, for each memguard that builds them. CACHE is
that of `benchmarks.common.pictures`. Writes `results/extraction.json`, `.md`, the plot `.png` and
sheets of samples.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping, Sequence
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
from benchmarks.extraction.audit import audited
from benchmarks.extraction.ground_truth import CRITERIA, RELATIVE, Truth, truth
from benchmarks.extraction.guarded import (
    Judged,
    calibration_of,
    deduplicated,
    index_of,
    judged,
    regenerated,
    source,
)
from benchmarks.extraction.pictures import Pool, pool
from benchmarks.extraction.plots import Pair, plot, sheet
from benchmarks.extraction.report import BARRED, PACKAGES, markdown_report
from benchmarks.extraction.train import Model, Recipe
from memguard.demo.training import SAMPLING_STEPS

LADDER = {100: 5, 50: 5, 10: 5, 5: 5, 2: 5}
"""Copies to how many pictures stand so many times; all others stand once."""
TEN = {50: 10}
"""The training set on which the bars are measured."""
STEPS, CAPTIONED_STEPS = 2000, 1200
KEPT = (500, 1000, 1500, STEPS)
COMPARED = 1000
"""The step at which models of other sizes and without duplicates are compared: all have the same
schedule, and this much of it fits into the time."""
SMALL = (16, 32, 32)
"""Channels of the small model: a quarter of the weights."""
SAMPLES, SAMPLES_OF_BARRED = 512, 1024
REGENERATED = 64
SAMPLING_SEED, REGENERATING_SEED = 0, 1
SHOWN = 48
"""Samples in each section of the sheet."""

CURVES = (("small", COMPARED), ("duplicated", COMPARED), ("duplicated", STEPS))
"""Models, and the steps at which they are drawn against duplication."""
GUARDED = (*BARRED, "duplicated", "deduplicated")
"""Models whose samples pass through guard."""

Steps = Mapping[int, Truth]
"""Step to the truth about the samples of the model as it was then."""


def models(pictures: Pool, cache: Path) -> dict[str, Model]:
    """All models of the benchmark, by name."""
    ladder = pictures.training_set(LADDER, first=0)
    ten = pictures.training_set(TEN, first=25)
    captioned = pictures.training_set(TEN, first=35, captioned=True)
    others = pictures.training_set(TEN, first=45)
    return {
        model.name: model
        for model in (
            Model("duplicated", ladder, Recipe(STEPS, KEPT)),
            Model(BARRED[0], ten, Recipe(STEPS, (STEPS,))),
            Model(BARRED[1], others, Recipe(STEPS, (STEPS,), seed=2)),
            Model(
                "captioned", captioned, Recipe(CAPTIONED_STEPS, (CAPTIONED_STEPS,)), captioned=True
            ),
            Model("deduplicated", deduplicated(ladder, cache), Recipe(STEPS, (COMPARED,))),
            Model("small", ladder, Recipe(STEPS, (COMPARED,), channels=SMALL)),
        )
    }


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.extraction", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("pictures", type=Path, help="cache of the pictures")
    arguments.add_argument("cache", type=Path, help="keeps models, samples and indexes")
    arguments.add_argument("--only", nargs="+", help="train and sample these models, and stop")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    started = time.monotonic()
    pictures = pool(options.pictures)
    known = models(pictures, options.cache)
    chosen = {name: known[name] for name in options.only or known}

    measured: dict[str, Steps] = {}
    for name, model in chosen.items():
        if model.captioned:
            model.trained(options.cache, model.recipe.last)
            continue
        measured[name] = {
            step: truth(samples(model, options.cache, step), model.pictures, pictures.left_out)
            for step in model.recipe.kept
        }
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    if options.only:
        return

    index = index_of(known[BARRED[0]].pictures, options.cache)
    made = {name: samples(known[name], options.cache, known[name].recipe.last) for name in GUARDED}
    guards: dict[str, Judged] = {}
    for name, images in made.items():
        guards[name] = judged(index, images)
        print(f"guard on {name}: {time.monotonic() - started:.0f} s", flush=True)
    barred = known[BARRED[0]]
    sampler = barred.trained(options.cache, barred.recipe.last)
    again = regenerated(index, sampler, REGENERATED, REGENERATING_SEED)
    audit = audited(known["captioned"], pictures.left_out, options.cache)

    summary = {
        **provenance(PACKAGES),
        "pictures": {
            "stamps": len(pictures.stamps),
            "pieces of photographs": len(pictures.pieces),
            "left out": len(pictures.left_out),
        },
        "models": {name: described(model, options.cache) for name, model in known.items()},
        "source": source(),
        "compared step": COMPARED,
        "sampling": {"steps": SAMPLING_STEPS, "seed": SAMPLING_SEED},
        "extraction": {
            name: {str(step): as_json(one) for step, one in steps.items()}
            for name, steps in measured.items()
        },
        "calibration": calibration_of(index),
        "guard": {name: by_criterion(guards[name], final(measured[name])) for name in GUARDED},
        "regenerate": again.figures(
            lambda images: RELATIVE.copies(truth(images, barred.pictures, pictures.left_out))
        ),
        "audit": audit,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "extraction.json").write_text(json.dumps(summary, indent=1) + "\n")
    text = markdown_report(summary)
    (RESULTS / "extraction.md").write_text(text)
    print(text)
    draw(measured, summary)
    for name in BARRED:
        shown = sections(final(measured[name]), guards[name], made[name])
        sheet(shown, RESULTS / f"extraction_samples_{name.replace(' ', '_')}.png")
    print(f"{time.monotonic() - started:.0f} s")


def samples(model: Model, cache: Path, step: int) -> list[Image.Image]:
    """Samples of a model without captions, made once."""
    count = SAMPLES_OF_BARRED if model.name in BARRED else SAMPLES
    kept = cache / "samples" / model.file(cache, step).parent.name / f"{step:05d}-{count}.npz"
    if not kept.is_file():
        sampler = model.trained(cache, step)
        images = sampler(count, torch.Generator().manual_seed(SAMPLING_SEED)).images
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(kept, levels=np.stack([np.asarray(image) for image in images]))
    return [Image.fromarray(levels) for levels in np.load(kept)["levels"]]


def final(steps: Steps) -> Truth:
    """The truth about the model as it was when its training ended."""
    return steps[max(steps)]


def by_criterion(guard: Judged, one: Truth) -> dict[str, Any]:
    """What guard did to copies, and to other samples, as each criterion tells them apart."""
    return {
        criterion.name: guard.figures(criterion.copies(one), criterion.others(one))
        for criterion in CRITERIA
    }


def described(model: Model, cache: Path) -> dict[str, Any]:
    """What was trained on what."""
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
        "files": sum(model.pictures.copies),
    }


def as_json(one: Truth) -> dict[str, Any]:
    """What the samples of one model copy."""
    return {
        "samples": len(one.distance),
        "copies": {criterion.name: int(criterion.copies(one).sum()) for criterion in CRITERIA},
        "copies of left-out pictures": {
            RELATIVE.name: int((one.other_relative < 1).sum()),
            **{
                criterion.name: int((one.other_distance <= criterion.distance).sum())
                for criterion in CRITERIA
                if criterion.distance is not None
            },
        },
        "levels": [vars(level) | {"rate": level.rate} for level in one.levels()],
        "(k, l2, 0.15)-eidetic": one.eidetic,
        "l2 to the nearest training picture, percentiles 5 25 50 75 95": [
            round(float(value), 3) for value in np.percentile(one.distance, (5, 25, 50, 75, 95))
        ],
    }


def draw(measured: Mapping[str, Steps], summary: Mapping[str, Any]) -> None:
    """The plot."""
    ladder = measured["duplicated"]
    often = np.array(ladder[STEPS].pictures.copies) > 1

    def shares(one: Truth) -> tuple[float, float]:
        copies = one.relative < 1
        of_often = often[one.place]
        return 100 * float((copies & of_often).mean()), 100 * float((copies & ~of_often).mean())

    def share(count: int, total: int) -> float:
        return 100 * count / max(total, 1)

    guard = summary["guard"][BARRED[0]][RELATIVE.name]
    plot(
        {
            f"{summary['models'][name]['weights'] / 1e6:.1f} million weights, {step} steps": (
                measured[name][step].levels()
            )
            for name, step in CURVES
        },
        {
            str(copies): [
                (step, 100 * level.rate)
                for step, one in ladder.items()
                for level in one.levels()
                if level.copies == copies
            ]
            for copies in (1, *sorted(LADDER))
        },
        {
            f"with duplicates, {COMPARED} steps": shares(ladder[COMPARED]),
            f"without, {COMPARED} steps": shares(measured["deduplicated"][COMPARED]),
        },
        {
            policy: (
                share(counts["copies through"], guard["copies"]),
                share(counts["others stopped"], guard["others"]),
            )
            for policy, counts in guard["policies"].items()
        },
        RESULTS / "extraction.png",
    )


def sections(one: Truth, guard: Judged, images: Sequence[Image.Image]) -> dict[str, list[Pair]]:
    """Samples over their nearest training pictures: what was stopped, missed, and false."""
    held, copies = guard.stopped["block"], one.relative < 1

    def pairs(which: NDArray[np.bool_]) -> list[Pair]:
        return [
            (images[i], one.pictures.examples[int(one.place[i])].image)
            for i in np.flatnonzero(which)[:SHOWN]
        ]

    def heading(what: str, which: NDArray[np.bool_]) -> str:
        return f"{what}: {int(which.sum())} of {len(which)} samples"

    parts = {
        "Copies that guard blocked": copies & held,
        "Copies that got through": copies & ~held,
        "Blocked, and no copies by relative l2": ~copies & held,
        "Shown, and no copies": ~copies & ~held,
    }
    return {heading(what, which): pairs(which) for what, which in parts.items()}


if __name__ == "__main__":
    main()
