"""The captioned model under `memguard.audit`, which sees neither the training set nor an index.

Its prompts are the captions of the repeated pictures, of pictures that are in the training set
once, and of pictures that the model never saw. The audit ranks them by the cliques of their
samples. Which of them are memorized is decided by pixels (`ground_truth`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.extraction.ground_truth import measure_truth
from benchmarks.extraction.pictures import Example
from benchmarks.extraction.train import Model
from memguard import audit
from memguard.auditing.result import Audit

OTHER_PROMPTS = 15
"""Captions of pictures that are in the training set once, and as many of left-out ones."""
SEED = 0


def audit_model(
    model: Model, left_out: Sequence[Example], cache: Path, images_per_prompt: int
) -> dict[str, Any]:
    """Audit a captioned model, and compare its ranking with what its samples copy."""
    examples, repeats = model.pictures.examples, model.pictures.repeats
    groups = {
        "duplicated": [one.caption for one, count in zip(examples, repeats) if count > 1],
        "once": [one.caption for one, count in zip(examples, repeats) if count == 1][
            :OTHER_PROMPTS
        ],
        "left out": [one.caption for one in left_out if one.caption][:OTHER_PROMPTS],
    }
    prompts = [prompt for group in groups.values() for prompt in group]
    output = cache / "audits" / model.file(cache, model.recipe.steps).parent.name
    result = audit(
        model.trained(cache, model.recipe.steps),
        prompts,
        output=output,
        images_per_prompt=images_per_prompt,
        batch_size=images_per_prompt,
        seed=SEED,
    )
    ranks = np.empty(len(prompts), dtype=int)
    ranks[[found.number for found in result.prompts]] = np.arange(len(prompts))
    copy_counts = np.array(
        [
            int((measure_truth(images, model.pictures, left_out).relative < 1).sum())
            for images in (_images(output, number) for number in range(len(prompts)))
        ]
    )
    group_of = [name for name, group in groups.items() for _ in group]
    duplicated = np.array(group_of) == "duplicated"
    memorized = copy_counts > 0
    order = ranks.argsort().tolist()
    return {
        "images per prompt": images_per_prompt,
        "seed": SEED,
        "joined": result.threshold,
        "needed clique": result.needed,
        "prompts": [
            {"prompt": prompts[i], "group": group_of[i], "copies": int(copy_counts[i])}
            for i in order
        ],
        "prompts of duplicated pictures": int(duplicated.sum()),
        "AUC, duplicated before others": auc(ranks, duplicated),
        "prompts with a copy among their samples": int(memorized.sum()),
        "AUC, with a copy before without": auc(ranks, memorized),
        "marked": marked(result, memorized),
    }


def _images(output: Path, number: int) -> list[Image.Image]:
    """The samples of a prompt, which the audit has kept."""
    files = sorted((output / "images" / f"{number:05d}").glob("*.png"))
    return [Image.open(file).convert("RGB") for file in files]


def marked(result: Audit, memorized: NDArray[np.bool_]) -> dict[str, int]:
    """How many prompts the audit marks that have a copy among their samples, and that have none."""
    chosen = np.array([found.number for found in result.prompts if found.marked], dtype=int)
    with_copy = int(memorized[chosen].sum())
    return {"with a copy": with_copy, "without a copy": len(chosen) - with_copy}


def auc(ranks: NDArray[np.int_], wanted: NDArray[np.bool_]) -> float | None:
    """The probability that a wanted prompt ranks before another one (Mann-Whitney)."""
    before = ranks[wanted][:, None] < ranks[~wanted]
    return round(float(before.mean()), 4) if before.size else None
