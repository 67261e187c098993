"""How close generations come to training images, and to how many of them (Carlini et al. 2023,
arXiv 2301.13188, sections 3 and 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from memguard.auditing.distances import Levels, pairwise_l2, pairwise_tiled_l2
from memguard.vision.pixel_distances import NEIGHBOURS, relative_l2

DELTA = 0.15
"""The distance within which the paper calls a generation a copy of a training image."""

RELATIVE_COPY = 1.0
"""Relative l2 below which a generation is a copy: closer than half the usual distance."""

BLOCK = 512
"""Images compared at once with as many others."""

Metric = Literal["l2", "tiled_l2"]

METRICS: Mapping[Metric, Callable[[Levels, Levels], NDArray[np.float32]]] = {
    "l2": pairwise_l2,
    "tiled_l2": pairwise_tiled_l2,
}

References = Levels | Iterable[Levels]
"""Training images, or blocks of them that can be gone through more than once."""


@dataclass(frozen=True)
class Nearest:
    """The nearest training image of each sample, by l2.

    Attributes:
        position: which reference it is, int64 (n,).
        distance: its l2, float32 (n,).
        relative: its :func:`memguard.vision.pixel_distances.relative_l2`, float32 (n,).
    """

    position: NDArray[np.int64]
    distance: NDArray[np.float32]
    relative: NDArray[np.float32]


def nearest(samples: Levels, references: References, neighbours: int = NEIGHBOURS) -> Nearest:
    """Find the nearest training image of each sample, and how much nearer it is than others are.

    Args:
        samples: the generations.
        references: at least one training image, of the samples' size.
        neighbours: the n of the relative distance; with fewer references, all of them.
    """
    closest = np.empty((len(samples), 0), dtype=np.float32)
    position = np.zeros(len(samples), dtype=np.int64)
    best = np.full(len(samples), np.inf, dtype=np.float32)
    start = 0
    for block in _blocks(references):
        distances = _compare(pairwise_l2, samples, block)
        nearer = distances.min(axis=1) < best
        position[nearer] = start + distances.argmin(axis=1)[nearer]
        best = np.minimum(best, distances.min(axis=1))
        closest = np.concatenate([closest, distances], axis=1)
        if closest.shape[1] > neighbours:
            closest = np.partition(closest, neighbours - 1, axis=1)[:, :neighbours]
        start += len(block)
    relative = [relative_l2(best[i : i + 1], closest[i], neighbours=neighbours) for i in _to(best)]
    return Nearest(position, best, np.concatenate(relative) if relative else best)


def eidetic_counts(
    samples: Levels,
    references: References,
    *,
    delta: float,
    ks: Sequence[int],
    copies: NDArray[np.int64] | None = None,
    metric: Metric = "tiled_l2",
) -> dict[int, int]:
    """How many training images are (k, l, delta)-eidetic memorized, for each k.

    A training image is, if some sample lies within ``delta`` of it and at most k images of the
    training set, itself among them, do.

    Args:
        samples: the generations.
        references: the distinct training images, of the samples' size.
        delta: the distance, in ``metric``.
        ks: the k to count for.
        copies: files of the training set that hold each reference, (m,); by default 1 each.
        metric: the l of the definition.
    """
    compare = METRICS[metric]
    extracted: list[Levels] = []
    for block in _blocks(references):
        distances = _compare(compare, block, samples)
        extracted.append(block[distances.min(axis=1, initial=np.inf) <= delta])
    chosen = np.concatenate(extracted) if extracted else samples[:0]
    within = np.zeros(len(chosen), dtype=np.int64)
    start = 0
    for block in _blocks(references):
        weights = np.ones(len(block), np.int64) if copies is None else copies[start:][: len(block)]
        within += (_compare(compare, chosen, block) <= delta) @ weights
        start += len(block)
    return {k: int((within <= k).sum()) for k in ks}


def _compare(
    compare: Callable[[Levels, Levels], NDArray[np.float32]], first: Levels, second: Levels
) -> NDArray[np.float32]:
    """All distances, a block of the first images at a time."""
    parts = [compare(first[i : i + BLOCK], second) for i in range(0, len(first), BLOCK)]
    return np.concatenate(parts) if parts else np.empty((0, len(second)), dtype=np.float32)


def _blocks(references: References) -> Iterable[Levels]:
    if isinstance(references, np.ndarray):
        return (references[i : i + BLOCK] for i in range(0, len(references), BLOCK))
    return references


def _to(values: NDArray[np.float32]) -> range:
    return range(len(values))
