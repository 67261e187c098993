"""Which samples are copies, by their pixels and without memguard.

The criterion is that of Carlini et al. 2023 ("Extracting Training Data from Diffusion Models",
arXiv 2301.13188) on whole pictures. For small ones, as on CIFAR-10, it is their relative l2: a
sample copies x if l2(sample, x) is below half the mean l2 to the 50 training pictures nearest to
the sample. Each of these counts once, even if the training set repeats it. Pictures that the model
never saw are put to the same test; copies of them are chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.extraction.pictures import Example, TrainingSet
from memguard.auditing.distances import pairwise_l2, to_squares
from memguard.auditing.eidetic import DELTA, eidetic_counts
from memguard.vision.pixel_distances import ALPHA, NEIGHBOURS

CLEARLY_NOVEL = 2
"""Samples beyond this multiple of a criterion's distance are surely no copies."""

Flags = NDArray[np.bool_]
"""One answer per sample."""


@dataclass(frozen=True)
class Criterion:
    """A rule for when a sample counts as a copy of the training picture nearest to it.

    Attributes:
        name: for tables.
        distance: the largest l2 of a copy, or None for a relative l2 below 1.
    """

    name: str
    distance: float | None

    def copies(self, truth: Truth) -> Flags:
        """Samples within the distance."""
        return truth.relative < 1 if self.distance is None else truth.distance <= self.distance

    def others(self, truth: Truth) -> Flags:
        """Samples farther than twice the distance from every training picture.

        The relative l2 cannot exceed 1 / ALPHA = 2, the value of a sample that is as near to 50
        pictures as to one. By this criterion the others are therefore all samples that are no
        copies.
        """
        if self.distance is None:
            return ~self.copies(truth)
        return truth.distance > CLEARLY_NOVEL * self.distance


RELATIVE = Criterion("relative l2 < 1", None)
CRITERIA = (RELATIVE, Criterion("l2 <= 0.1", 0.1), Criterion("l2 <= 0.15", 0.15))
"""The paper's for small pictures, a strict plain one, and the paper's for Stable Diffusion."""


@dataclass(frozen=True)
class Level:
    """What was extracted of the pictures that the training set repeats equally often.

    Attributes:
        repeats: files of each picture in the training set; 0 for pictures that were left out.
        pictures: how many such pictures there are.
        extracted: those that at least one sample copies.
        samples: samples that copy one of them.
        expected: samples that would copy one if the model drew from its training set.
    """

    repeats: int
    pictures: int
    extracted: int
    samples: int
    expected: float

    @property
    def rate(self) -> float:
        """The share of these pictures that was extracted."""
        return self.extracted / self.pictures


@dataclass(frozen=True)
class Truth:
    """Distances from the samples of one model to the pictures.

    Attributes:
        pictures: the training set.
        left_out: how many pictures were left out.
        nearest: index of the nearest training picture, (samples,).
        distance: l2 to it, float32 (samples,) in [0, 1].
        usual: mean l2 to the 50 nearest training pictures, float32 (samples,).
        nearest_left_out, left_out_distance: the same of the nearest left-out picture.
        eidetic: k to the number of (k, l2, 0.15)-eidetic memorized pictures, the paper's
            definition: within 0.15 of them are some sample and at most k files of the training set.
    """

    pictures: TrainingSet
    left_out: int
    nearest: NDArray[np.intp]
    distance: NDArray[np.float32]
    usual: NDArray[np.float32]
    nearest_left_out: NDArray[np.intp]
    left_out_distance: NDArray[np.float32]
    eidetic: Mapping[int, int]

    @property
    def relative(self) -> NDArray[np.float32]:
        """Relative l2 to the nearest training picture; below 1, the sample is a copy."""
        return self.distance / (ALPHA * self.usual)

    @property
    def left_out_relative(self) -> NDArray[np.float32]:
        """The same to the nearest left-out picture; below 1, the likeness is chance."""
        return self.left_out_distance / (ALPHA * self.usual)

    def levels(self) -> list[Level]:
        """What was extracted, by repeats in the training set; level 0 is chance."""
        repeats = np.array(self.pictures.repeats)
        samples_per_file = len(self.distance) / repeats.sum()
        copied = self.nearest[self.relative < 1]
        chance = self.nearest_left_out[self.left_out_relative < 1]
        levels = [Level(0, self.left_out, len(set(chance.tolist())), len(chance), 0.0)]
        for count in sorted(set(self.pictures.repeats)):
            here = copied[repeats[copied] == count]
            pictures = int((repeats == count).sum())
            expected = float(samples_per_file * count * pictures)
            levels.append(Level(count, pictures, len(set(here.tolist())), len(here), expected))
        return levels


def measure_truth(
    samples: Sequence[Image.Image], pictures: TrainingSet, left_out: Sequence[Example]
) -> Truth:
    """Measure samples against the distinct pictures of a training set, and the left-out ones."""
    made = to_squares(samples)
    references = np.stack([example.levels for example in pictures.examples])
    known = pairwise_l2(made, references)
    others = pairwise_l2(made, np.stack([example.levels for example in left_out]))
    return Truth(
        pictures=pictures,
        left_out=len(left_out),
        nearest=known.argmin(axis=1),
        distance=known.min(axis=1),
        usual=np.sort(known, axis=1)[:, :NEIGHBOURS].mean(axis=1),
        nearest_left_out=others.argmin(axis=1),
        left_out_distance=others.min(axis=1),
        eidetic=eidetic_counts(
            made,
            references,
            delta=DELTA,
            ks=sorted(set(pictures.repeats)),
            file_counts=np.array(pictures.repeats),
            metric="l2",
        ),
    )
