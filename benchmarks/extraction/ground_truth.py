"""What a sample really is: its pixels beside those of every training picture, and of others.

None of it is memguard's decision. It is the criterion of Carlini et al. 2023 ("Extracting Training
Data from Diffusion Models", arXiv 2301.13188) on whole pictures; for small ones, as on CIFAR-10,
their relative l2: a sample copies x where l2(sample, x) is below half the mean l2 to the 50
training pictures nearest to the sample. Each picture counts once among these, however many copies
the training set has of it. Pictures that the model never saw are put to the same test: what they
score is chance.
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

TWICE = 2
"""Samples farther than this many times a criterion's distance are surely no copies."""

Flags = NDArray[np.bool_]
"""One answer per sample."""


@dataclass(frozen=True)
class Criterion:
    """When a sample counts as a copy of the training picture nearest to it.

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

        Of the relative l2 there is no twice: it is at most 1 / ALPHA = 2, where a sample is as
        near to 50 pictures as to one. So by it, the others are all samples that are no copies.
        """
        if self.distance is None:
            return ~self.copies(truth)
        return truth.distance > TWICE * self.distance


RELATIVE = Criterion("relative l2 < 1", None)
CRITERIA = (RELATIVE, Criterion("l2 <= 0.1", 0.1), Criterion("l2 <= 0.15", 0.15))
"""The paper's for small pictures; a strict plain one; the paper's for Stable Diffusion."""


@dataclass(frozen=True)
class Level:
    """What became of the pictures that stand equally often in the training set.

    Attributes:
        copies: of each picture; 0 for pictures that were left out.
        pictures: how many there are.
        extracted: pictures that at least one sample copies.
        samples: samples that copy one of them.
        expected: samples that a model would show that draws from its training set.
    """

    copies: int
    pictures: int
    extracted: int
    samples: int
    expected: float

    @property
    def rate(self) -> float:
        """The share of the pictures that was extracted."""
        return self.extracted / self.pictures


@dataclass(frozen=True)
class Truth:
    """The samples of one model beside the pictures.

    Attributes:
        pictures: the training set.
        left_out: how many pictures were left out.
        place: of the nearest training picture in the training set, (samples,).
        distance: l2 to it, float32 (samples,) in [0, 1].
        usual: mean l2 to the 50 nearest training pictures, float32 (samples,).
        other_place, other_distance: of the nearest left-out picture.
        eidetic: k to the number of (k, l2, 0.15)-eidetically memorized pictures, the paper's
            definition: some sample is within 0.15 of them, and at most k files of the training set.
    """

    pictures: TrainingSet
    left_out: int
    place: NDArray[np.intp]
    distance: NDArray[np.float32]
    usual: NDArray[np.float32]
    other_place: NDArray[np.intp]
    other_distance: NDArray[np.float32]
    eidetic: Mapping[int, int]

    @property
    def relative(self) -> NDArray[np.float32]:
        """Relative l2 to the nearest training picture: below 1 the sample is a copy."""
        return self.distance / (ALPHA * self.usual)

    @property
    def other_relative(self) -> NDArray[np.float32]:
        """The same to the nearest left-out picture: what is below 1 here is chance."""
        return self.other_distance / (ALPHA * self.usual)

    def levels(self) -> list[Level]:
        """What was extracted, by copies in the training set; level 0 is chance."""
        copies = np.array(self.pictures.copies)
        per_copy = len(self.distance) / copies.sum()
        hits = self.place[self.relative < 1]
        chance = self.other_place[self.other_relative < 1]
        levels = [Level(0, self.left_out, len(set(chance.tolist())), len(chance), 0.0)]
        for level in sorted(set(self.pictures.copies)):
            here = hits[copies[hits] == level]
            pictures = int((copies == level).sum())
            expected = float(per_copy * level * pictures)
            levels.append(Level(level, pictures, len(set(here.tolist())), len(here), expected))
        return levels


def truth(
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
        place=known.argmin(axis=1),
        distance=known.min(axis=1),
        usual=np.sort(known, axis=1)[:, :NEIGHBOURS].mean(axis=1),
        other_place=others.argmin(axis=1),
        other_distance=others.min(axis=1),
        eidetic=eidetic_counts(
            made,
            references,
            delta=DELTA,
            ks=sorted(set(pictures.copies)),
            file_counts=np.array(pictures.copies),
            metric="l2",
        ),
    )
