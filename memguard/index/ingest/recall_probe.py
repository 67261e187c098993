"""Simulated copies of references, described as queries are, to measure an index's recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import Descriptor
from memguard.index.ann.recall import RecallProbe
from memguard.index.store.tables import Tables
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES

REFERENCES = 100
"""References that are copied."""

TRANSFORMS = (
    "jpeg 30",
    "noise 25",
    "64 px",
    "colour",
    "diffusion-like",
    "crop 80",
    "turn 10",
    "text+border",
)
"""What a model does to a picture, and what only local features find. Each descriptor is measured
on those copies that it finds by an exact search."""


def simulate_copies(
    descriptors: Sequence[Descriptor], tables: Tables, excluded: NDArray[np.int64]
) -> dict[str, RecallProbe]:
    """Simulate copies of some references with pixels.

    Args:
        descriptors: describe the copies.
        tables: hold the references.
        excluded: rows that are not copied.

    Returns:
        Descriptor name to its probe; empty where nothing can be copied.
    """
    if not descriptors:
        return {}
    rng = np.random.default_rng(0)
    without = np.concatenate([tables.flagged("canary"), tables.without_pixels(), excluded])
    pictured = np.setdiff1d(np.arange(len(tables)), without)
    chosen = np.sort(rng.permutation(pictured)[:REFERENCES])
    copies = [
        (int(row), Picture(SIMULATED_COPIES[name](record.image(), rng)))
        for row, record in zip(chosen, tables.take((), chosen.tolist()))
        for name in TRANSFORMS
        if not record.blank
    ]
    if not copies:
        return {}
    originals = np.array([row for row, _ in copies], np.int64)
    return {
        descriptor.spec.name: RecallProbe(
            descriptor.describe([descriptor.prepare(picture) for _, picture in copies]),
            originals,
        )
        for descriptor in descriptors
    }
