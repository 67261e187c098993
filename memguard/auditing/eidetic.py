"""How close generations come to training images, and to how many of them (Carlini et al. 2023,
arXiv 2301.13188, sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memguard.auditing.distances import Pixels, pairwise_l2, pairwise_tiled_l2
from memguard.vision.pixel_distances import NEIGHBOURS, relative_l2

DELTA = 0.15
"""The l2 up to which the paper calls a generation a copy of a training image."""

RELATIVE_COPY = 1.0
"""Relative l2 below which a generation is a copy: closer than half the usual distance."""

BLOCK_IMAGES = 512
"""Images compared at once with as many others."""

Metric = Literal["l2", "tiled_l2"]

METRICS: Mapping[Metric, Callable[[Pixels, Pixels], NDArray[np.float32]]] = {
    "l2": pairwise_l2,
    "tiled_l2": pairwise_tiled_l2,
}

References = Pixels | Iterable[Pixels]
"""Training images, or blocks of them that can be iterated more than once."""


@dataclass(frozen=True)
class Nearest:
    """The nearest training image of each sample, by l2.

    Attributes:
        row: of that reference, int64 (n,).
        distance: its l2, float32 (n,).
        relative: its :func:`memguard.vision.pixel_distances.relative_l2`, float32 (n,).
    """

    row: NDArray[np.int64]
    distance: NDArray[np.float32]
    relative: NDArray[np.float32]


def nearest(samples: Pixels, references: References, neighbours: int = NEIGHBOURS) -> Nearest:
    """Find the nearest training image of each sample, by l2 and relative to other references.

    Args:
        samples: the generations.
        references: at least one training image, of the samples' size.
        neighbours: the n of the relative distance; with fewer references, all of them.
    """
    closest = np.empty((len(samples), 0), dtype=np.float32)
    row = np.zeros(len(samples), dtype=np.int64)
    best = np.full(len(samples), np.inf, dtype=np.float32)
    start = 0
    for block in _blocks(references):
        distances = _compare(pairwise_l2, samples, block)
        nearer = distances.min(axis=1) < best
        row[nearer] = start + distances.argmin(axis=1)[nearer]
        best = np.minimum(best, distances.min(axis=1))
        closest = np.concatenate([closest, distances], axis=1)
        if closest.shape[1] > neighbours:
            closest = np.partition(closest, neighbours - 1, axis=1)[:, :neighbours]
        start += len(block)
    relative = [
        relative_l2(best[i : i + 1], closest[i], neighbours=neighbours) for i in range(len(best))
    ]
    return Nearest(row, best, np.concatenate(relative) if relative else best)


def eidetic_counts(
    samples: Pixels,
    references: References,
    *,
    delta: float,
    ks: Sequence[int],
    file_counts: NDArray[np.int64] | None = None,
    metric: Metric = "tiled_l2",
) -> dict[int, int]:
    """Count the training images that are (k, l, delta)-eidetic memorized, for each k.

    A training image is, if some sample lies within ``delta`` of it and at most k images of the
    training set, itself included, do.

    Args:
        samples: the generations.
        references: the distinct training images, of the samples' size.
        delta: the distance, in ``metric``.
        ks: the k to count for.
        file_counts: number of files of the training set with each reference, (m,); by default 1.
        metric: the l of the definition.
    """
    compare = METRICS[metric]
    parts: list[Pixels] = []
    for block in _blocks(references):
        distances = _compare(compare, block, samples)
        parts.append(block[distances.min(axis=1, initial=np.inf) <= delta])
    extracted = np.concatenate(parts) if parts else samples[:0]
    within = np.zeros(len(extracted), dtype=np.int64)
    start = 0
    for block in _blocks(references):
        files = (
            np.ones(len(block), np.int64)
            if file_counts is None
            else file_counts[start:][: len(block)]
        )
        within += (_compare(compare, extracted, block) <= delta) @ files
        start += len(block)
    return {k: int((within <= k).sum()) for k in ks}


def _compare(
    compare: Callable[[Pixels, Pixels], NDArray[np.float32]], first: Pixels, second: Pixels
) -> NDArray[np.float32]:
    """All distances, a block of the first images at a time."""
    starts = range(0, len(first), BLOCK_IMAGES)
    parts = [compare(first[start : start + BLOCK_IMAGES], second) for start in starts]
    return np.concatenate(parts) if parts else np.empty((0, len(second)), dtype=np.float32)


def _blocks(references: References) -> Iterable[Pixels]:
    if isinstance(references, np.ndarray):
        starts = range(0, len(references), BLOCK_IMAGES)
        return (references[start : start + BLOCK_IMAGES] for start in starts)
    return references
