"""VLAD rows as numerous as a training set's, made of real pictures.

A row sums up the local features inside a window of one picture, or inside windows of two or three,
as if they were collages; pictures that copies are made of are whole, and in no other row. So rows
resemble each other as real ones do, which synthetic rows do not (:mod:`index_rows`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common.pictures import Picture as Source
from benchmarks.common.pictures import load
from benchmarks.index.rows import BLOCK, SEED, Rows
from memguard.index.ann.tuning import Copies
from memguard.index.ingest.recall_probe import TRANSFORMS
from memguard.vision.local_features import LocalFeatures, vlad
from memguard.vision.picture import Picture
from memguard.vision.transforms import SIMULATED_COPIES

NAME = "pieces"
COPIED = 100
"""Pictures that are copied by each of the build's own transforms: half of them to tune on."""
EVERY_EMOJI = 3
"""Of so many emoji one is taken, lest they be most of the pictures."""
FEWEST_FEATURES = 30
"""Pictures with fewer are not cut."""


class Pieces(Rows):
    """Rows as described above, made when they are first needed.

    Args:
        count: how many rows.
        folder: where they are kept.
        cache: the cache of `benchmarks/pictures.py`; needed only to make them.
    """

    def __init__(self, count: int, folder: Path, cache: Path | None = None) -> None:
        self._cache = cache
        super().__init__(NAME, count, folder)

    def _make(self) -> None:
        if self._cache is None:
            raise SystemExit("rows of pieces need --pictures")
        cv2.setNumThreads(0)
        every = load(self._cache)
        emoji = [picture for picture in every if picture.kind == "emoji"][::EVERY_EMOJI]
        sources = [picture for picture in every if picture.kind != "emoji"] + emoji
        random = np.random.default_rng(SEED)
        order = random.permutation(len(sources))
        self._originals = [sources[i] for i in order[:COPIED]]
        self._cut = [_features(sources[i]) for i in order[COPIED:]]
        super()._make()

    def _drawn(self) -> Iterator[NDArray[np.float32]]:
        yield np.stack([vlad(Picture(source.open()).features) for source in self._originals])
        random = np.random.default_rng(SEED)
        whole = [pair for pair in self._cut if len(pair[1].points) >= FEWEST_FEATURES]
        left = self.count - len(self._originals)
        for start in range(0, left, BLOCK):
            yield np.stack([_piece(whole, random) for _ in range(min(BLOCK, left - start))])

    def _copied(self, seed: int) -> Copies:
        random = np.random.default_rng(seed)
        half = seed % 2
        copies = [
            (at, vlad(Picture(SIMULATED_COPIES[name](source.open(), random)).features))
            for at, source in list(enumerate(self._originals))[half::2]
            for name in TRANSFORMS
        ]
        told = [(at, row) for at, row in copies if row.any()]
        positions, rows = zip(*told, strict=True)
        return Copies(np.stack(rows), np.array(positions, np.int64))


def _features(source: Source) -> tuple[NDArray[np.float32], LocalFeatures]:
    """Where a picture's local features lie, as shares of its edges, and the features."""
    picture = Picture(source.open())
    height, width = picture.pixels.shape[:2]
    return picture.features.points / np.float32([width, height]), picture.features


def _piece(
    pictures: Sequence[tuple[NDArray[np.float32], LocalFeatures]], random: np.random.Generator
) -> NDArray[np.float32]:
    points, descriptors = [], []
    parts = random.choice([1, 2, 3], p=[0.4, 0.4, 0.2])
    for chosen in random.choice(len(pictures), parts):
        where, features = pictures[chosen]
        side = random.uniform(0.4, 1) if parts == 1 else random.uniform(0.3, 0.9)
        corner = random.uniform(0, 1 - side, 2)
        inside = ((where >= corner) & (where < corner + side)).all(axis=1)
        points.append(features.points[inside])
        descriptors.append(features.descriptors[inside])
    order = random.permutation(sum(map(len, points)))
    return vlad(LocalFeatures(np.concatenate(points)[order], np.concatenate(descriptors)[order]))
