"""Simulated copies of references, described as queries are, to measure what a search loses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memguard.descriptors.base import Descriptor
from memguard.index.ann.recall import RecallProbe
from memguard.index.ingest.publish import DescribeCopies
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
"""How: what a model does to a picture, and what only local features find. Each descriptor is
measured on those copies that it finds by an exact search."""


def copies_described(descriptors: Sequence[Descriptor]) -> DescribeCopies:
    """A function that describes copies of some references with these descriptors."""

    def describe(tables: Tables, removed: Sequence[int]) -> dict[str, RecallProbe]:
        rng = np.random.default_rng(0)
        absent = {*tables.flagged("canary"), *tables.without_pixels(), *removed}
        known = np.setdiff1d(np.arange(len(tables)), np.array(sorted(absent), np.int64))
        chosen = np.sort(rng.permutation(known)[:REFERENCES])
        records = tables.take((), chosen.tolist())
        copied = [
            (int(at), Picture(SIMULATED_COPIES[name](record.image(), rng)))
            for at, record in zip(chosen, records)
            for name in TRANSFORMS
            if not record.blank
        ]
        if not copied:
            return {}
        originals = np.array([at for at, _ in copied], np.int64)
        pictures = [picture for _, picture in copied]
        return {
            descriptor.spec.name: RecallProbe(
                descriptor.describe([descriptor.prepare(picture) for picture in pictures]),
                originals,
            )
            for descriptor in descriptors
        }

    return describe
