"""The parts of a check, and the processor time of each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.common.clock import Clock
from memguard.detection import detector as steps
from memguard.detection.detector import Detector

PARTS = {
    "readings": "convert",
    "described_views": "describe",
    "search_counting": "search",
    "compare_vectors": "compare",
    "screen": "compare",
}
"""Names in the detector's module to the part that they are."""


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time for one image.

    Attributes:
        parts: the mean of each part: convert, describe, search, fetch, compare, and decide, which
            is all the rest: for flagged images also the full comparison and the regions.
        total: the mean.
        median, p99: over the batches.
    """

    parts: dict[str, float]
    total: float
    median: float
    p99: float


def cost_of(detector: Detector, images: Sequence[Image.Image], batch: int = 1) -> Cost:
    """The cost of checking these images, in batches; the first batch is checked once before."""
    detector.detect(images[:batch])
    totals, clock = [], Clock()
    with _timed(detector, clock):
        for start in range(0, len(images), batch):
            few = images[start : start + batch]
            started = time.process_time()
            with clock.step("decide"):
                detector.detect(few)
            totals.append(1000 * (time.process_time() - started) / len(few))
    parts = {name: round(1000 * s / len(images), 2) for name, s in clock.seconds.items()}
    return Cost(
        parts,
        round(float(np.mean(totals)), 1),
        round(float(np.median(totals)), 1),
        round(float(np.percentile(totals, 99)), 1),
    )


@contextmanager
def _timed(detector: Detector, clock: Clock) -> Iterator[None]:
    with ExitStack() as patched:
        for name, part in PARTS.items():
            timed = clock.timed(part, getattr(steps, name))
            patched.enter_context(patch.object(steps, name, timed))
        take = clock.timed("fetch", detector.index.take)
        patched.enter_context(patch.object(detector.index, "take", take))
        yield
