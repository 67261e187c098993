"""Does the first step tell that a prompt is memorized?

    python -m benchmarks.sampling CACHE OUT [--quick]

Trains two small text-to-image models on captioned pictures of which some are repeated, one that
predicts noise and one of rectified flow. Reads the text guidance of each first step, makes
images, and finds those that are copies by their pixels. CACHE is that of
`benchmarks.common.pictures`; OUT keeps the models. Writes results/sampling.json and .md. README.md
has time and data.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, get_args

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.sampling.measure import (
    Prompts,
    auc,
    cost,
    measure_prompts,
    recall_at,
    with_interval,
)
from benchmarks.sampling.pictures import captioned
from benchmarks.sampling.report import RATE, markdown_report
from benchmarks.sampling.train import Kind, Model, Recipe
from memguard.calibration.rates import Rate
from memguard.calibration.text_guidance import guidance_threshold
from memguard.verdict import TextGuidance

STEPS: dict[Kind, int] = {"epsilon": 5000, "flow": 2500}
"""Optimizer steps; as many as the time allowed."""
QUICK_STEPS = 40
QUICK_PROMPTS = 10
"""Of each group, in a quick run, whose models have learned nothing."""
BUDGETS = (0.02, 0.05, 0.1, 0.2, 0.5)
"""Shares of the prompts that an audit's budget reaches."""
TIMED_PROMPTS = 8


def main() -> None:
    options = _options()
    torch.set_num_threads(1)
    quick: bool = options.quick
    pictures = captioned(options.cache)
    models: dict[str, Any] = {}
    for kind in [options.only] if options.only else get_args(Kind):
        recipe = Recipe(QUICK_STEPS if quick else STEPS[kind])
        model = Model(kind, pictures.trained, recipe)
        pipe, kept = model.trained(options.out), model.file(options.out).with_suffix(".npz")
        if not kept.is_file():
            measure_prompts(pipe, pictures, QUICK_PROMPTS if quick else None).save(kept)
        prompts = Prompts.load(kept)
        costs = cost(pipe, prompts.captions[:TIMED_PROMPTS])
        models[kind] = {"recipe": asdict(recipe), **figures(prompts), "cost": costs}
        print(kind, json.dumps(models[kind]), flush=True)
    if options.only:
        return
    summary = {
        **provenance(("torch", "diffusers", "numpy")),
        "pictures": {
            "distinct": len(pictures.trained.examples),
            "files": sum(pictures.trained.repeats),
            "repeated": sum(files > 1 for files in pictures.trained.repeats),
            "files of a repeated one": max(pictures.trained.repeats),
            "left out": len(pictures.left_out),
        },
        "models": models,
    }
    results = options.out / "quick" if quick else RESULTS
    results.mkdir(parents=True, exist_ok=True)
    (results / "sampling.json").write_text(json.dumps(summary, indent=1) + "\n")
    text = markdown_report(summary)
    (results / "sampling.md").write_text(text)
    print(text)


def figures(prompts: Prompts) -> dict[str, Any]:
    """What the first step tells of one model's prompts."""
    groups = np.array(prompts.groups)
    found: dict[str, Any] = {
        "images": prompts.images,
        "chance": prompts.chance,
        "groups": {
            name: {
                "prompts": int((groups == name).sum()),
                "with a copy": int(((groups == name) & (prompts.copies > 0)).sum()),
                "text guidance, percentiles 5 50 95": [
                    round(float(value), 4)
                    for value in np.percentile(prompts.values[groups == name, 0], (5, 50, 95))
                ],
            }
            for name in dict.fromkeys(prompts.groups)
        },
        "memorized": int(prompts.memorized.sum()),
        "ordinary": int(prompts.ordinary.sum()),
    }
    if not prompts.memorized.any() or not prompts.ordinary.any():
        return found
    one, mean = prompts.values[:, 0], prompts.values.mean(axis=1)
    for name, values in {"one noise": one, "mean of four": mean}.items():
        pair = values[prompts.memorized], values[prompts.ordinary]
        found[name] = {
            "auc": with_interval(auc, *pair),
            "recall": with_interval(partial(recall_at, rate=RATE), *pair),
        }
    found["calibrated"] = promise(one[prompts.memorized], one[prompts.ordinary])
    order = np.argsort(-one)
    found["audit"] = {
        str(share): round(
            float(
                prompts.memorized[order[: round(share * len(order))]].sum()
                / prompts.memorized.sum()
            ),
            4,
        )
        for share in BUDGETS
    }
    return found


def promise(memorized: Any, ordinary: Any) -> dict[str, Any] | None:
    """A threshold chosen on every second ordinary prompt, tried on the others."""
    chosen = guidance_threshold(
        [TextGuidance(v, 0.0, "pair") for v in ordinary[::2].tolist()], RATE
    )
    if chosen is None or chosen.threshold is None:
        return None
    flagged = ordinary[1::2] > chosen.threshold
    return {
        "prompts": chosen.prompts,
        "flagged": asdict(Rate.of(int(flagged.sum()), len(flagged))),
        "found": asdict(Rate.of(int((memorized > chosen.threshold).sum()), len(memorized))),
    }


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.sampling", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("cache", type=Path, help="cache of benchmarks.common.pictures")
    arguments.add_argument("out", type=Path, help="keeps models and readings")
    arguments.add_argument("--only", choices=get_args(Kind), help="this model, then stop")
    arguments.add_argument(
        "--quick",
        action="store_true",
        help="a few steps and prompts, to see that it runs; results go to OUT/quick",
    )
    return arguments.parse_args()


if __name__ == "__main__":
    main()
