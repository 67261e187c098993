"""As many VLAD vectors as a training set has, made of real pictures.

A vector sums up the local features inside a window of one picture, or inside windows of two or
three, like a collage. Such vectors resemble each other as real ones do, which synthetic ones
(:mod:`benchmarks.index.vectors`) do not. The originals of copies are whole pictures that are in no
other vector.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.pictures import Picture as Source
from benchmarks.common.pictures import load
from benchmarks.index.vectors import BLOCK_VECTORS, SEED, Vectors
from memguard.index.ann.recall import RecallProbe
from memguard.index.ingest.recall_probe import TRANSFORMS
from memguard.vision.local_features import LocalFeatures, vlad
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES

PIECES = "pieces"
"""The name of these vectors."""
ORIGINALS = 100
"""Pictures that each of the build's own transforms copies: half of them to tune on."""
EMOJI_STEP = 3
"""Every third emoji is used, so that emoji do not outnumber the other pictures."""
LEAST_FEATURES = 30
"""Pictures with fewer features have no pieces."""


class Pieces(Vectors):
    """Vectors of pieces of pictures, made on first use.

    Args:
        count: how many vectors.
        folder: where they are kept.
        cache: the cache of `benchmarks.common.pictures`; needed only to make them.
    """

    def __init__(self, count: int, folder: Path, cache: Path | None = None) -> None:
        self._cache = cache
        super().__init__(PIECES, count, folder)

    def _make(self) -> None:
        if self._cache is None:
            raise SystemExit("vectors of pieces need --pictures CACHE")
        cv2.setNumThreads(0)
        every = load(self._cache)
        emoji = [picture for picture in every if picture.kind == "emoji"][::EMOJI_STEP]
        sources = [picture for picture in every if picture.kind != "emoji"] + emoji
        random = np.random.default_rng(SEED)
        order = random.permutation(len(sources))
        self._originals = [sources[i] for i in order[:ORIGINALS]]
        self._cut = [_features(sources[i]) for i in order[ORIGINALS:]]
        super()._make()

    def _generate(self) -> Iterator[NDArray[np.float32]]:
        yield np.stack([vlad(Picture(source.open()).features) for source in self._originals])
        random = np.random.default_rng(SEED)
        whole = [pair for pair in self._cut if len(pair[1].points) >= LEAST_FEATURES]
        left = self.count - len(self._originals)
        for start in range(0, left, BLOCK_VECTORS):
            count = min(BLOCK_VECTORS, left - start)
            yield np.stack([_piece(whole, random) for _ in range(count)])

    def _simulate_copies(self, seed: int) -> RecallProbe:
        random = np.random.default_rng(seed)
        half = seed % 2
        copies = [
            (row, vlad(Picture(SIMULATED_COPIES[name](source.open(), random)).features))
            for row, source in list(enumerate(self._originals))[half::2]
            for name in TRANSFORMS
        ]
        with_features = [(row, vector) for row, vector in copies if vector.any()]
        originals, vectors = zip(*with_features, strict=True)
        return RecallProbe(np.stack(vectors), np.array(originals, np.int64))


def _features(source: Source) -> tuple[NDArray[np.float32], LocalFeatures]:
    """The positions of a picture's local features, as shares of its edges, and the features."""
    picture = Picture(source.open())
    height, width = picture.pixels.shape[:2]
    size = np.array([width, height], np.float32)
    return np.divide(picture.features.points, size, dtype=np.float32), picture.features


def _piece(
    pictures: list[tuple[NDArray[np.float32], LocalFeatures]], random: np.random.Generator
) -> NDArray[np.float32]:
    points, descriptors = [], []
    parts = random.choice([1, 2, 3], p=[0.4, 0.4, 0.2])
    for chosen in random.choice(len(pictures), parts):
        positions, features = pictures[chosen]
        side = random.uniform(0.4, 1) if parts == 1 else random.uniform(0.3, 0.9)
        corner = random.uniform(0, 1 - side, 2)
        inside = ((positions >= corner) & (positions < corner + side)).all(axis=1)
        points.append(features.points[inside])
        descriptors.append(features.descriptors[inside])
    order = random.permutation(sum(map(len, points)))
    return vlad(LocalFeatures(np.concatenate(points)[order], np.concatenate(descriptors)[order]))
