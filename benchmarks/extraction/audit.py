"""The captioned model under `memguard.audit`, which sees neither the training set nor an index.

Its prompts are the captions of the duplicated pictures, of pictures that stand once in the
training set, and of pictures that it never saw. The audit ranks them by the cliques of their
samples; what is memorized, pixels tell (`extraction_truth`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.extraction.ground_truth import truth
from benchmarks.extraction.pictures import Example
from benchmarks.extraction.train import Model
from memguard import audit
from memguard.auditing.result import Audit

IMAGES = 16
"""Samples of each prompt."""
OTHERS = 15
"""Captions of pictures that stand once, and as many of pictures that were left out."""
SEED = 0


def audited(model: Model, left_out: Sequence[Example], cache: Path) -> dict[str, Any]:
    """Audit the model, and compare its ranking with what its samples really copy."""
    examples, copies = model.pictures.examples, model.pictures.copies
    groups = {
        "duplicated": [one.caption for one, count in zip(examples, copies) if count > 1],
        "once": [one.caption for one, count in zip(examples, copies) if count == 1][:OTHERS],
        "left out": [one.caption for one in left_out if one.caption][:OTHERS],
    }
    prompts = [prompt for group in groups.values() for prompt in group]
    output = cache / "audits" / model.file(cache, model.recipe.steps).parent.name
    result = audit(
        model.trained(cache, model.recipe.steps),
        prompts,
        output=output,
        images_per_prompt=IMAGES,
        batch_size=IMAGES,
        seed=SEED,
    )
    ranks = np.empty(len(prompts), dtype=int)
    ranks[[found.number for found in result.prompts]] = np.arange(len(prompts))
    copies_made = np.array(
        [
            int((truth(images, model.pictures, left_out).relative < 1).sum())
            for images in (_images(output, number) for number in range(len(prompts)))
        ]
    )
    group_of = [name for name, group in groups.items() for _ in group]
    duplicated = np.array(group_of) == "duplicated"
    memorized = copies_made > 0
    order = ranks.argsort().tolist()
    return {
        "images per prompt": IMAGES,
        "seed": SEED,
        "joined": result.threshold,
        "needed clique": result.needed,
        "prompts": [
            {"prompt": prompts[i], "group": group_of[i], "copies": int(copies_made[i])}
            for i in order
        ],
        "prompts of duplicated pictures": int(duplicated.sum()),
        "AUC, duplicated before others": auc(ranks, duplicated),
        "prompts with a copy among their samples": int(memorized.sum()),
        "AUC, with a copy before without": auc(ranks, memorized),
        "marked": marked(result, memorized),
    }


def _images(output: Path, number: int) -> list[Image.Image]:
    """The samples of a prompt, as the audit kept them."""
    files = sorted((output / "images" / f"{number:05d}").glob("*.png"))
    return [Image.open(file).convert("RGB") for file in files]


def marked(result: Audit, memorized: NDArray[np.bool_]) -> dict[str, int]:
    """Prompts that the audit calls memorized: those that have a copy, and those that have none."""
    chosen = np.array([found.number for found in result.prompts if found.marked], dtype=int)
    right = int(memorized[chosen].sum())
    return {"with a copy": right, "without a copy": len(chosen) - right}


def auc(ranks: NDArray[np.int_], wanted: NDArray[np.bool_]) -> float | None:
    """The chance that a wanted prompt ranks before another one (Mann-Whitney)."""
    before = ranks[wanted][:, None] < ranks[~wanted]
    return round(float(before.mean()), 4) if before.size else None
