"""What several detectors compute alike, computed once.

Each detector is the one a user gets. It is given an index, descriptors, a verification function
and queries that remember what they have computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.observation import Distances
from benchmarks.detection.wrapped_descriptor import WrappedDescriptor
from memguard.descriptors.base import Descriptor
from memguard.detection.picture_pair import PicturePair
from memguard.detection.verification import verify
from memguard.index.local import DirectoryIndex
from memguard.index.record import Record
from memguard.vision.picture import Picture


class BatchMemory:
    """What detectors have computed for the current batch of queries."""

    def __init__(self) -> None:
        self.verified: dict[tuple[int, int], tuple[Picture, Picture, Distances]] = {}
        self.described: dict[tuple[str, bytes], NDArray[Any]] = {}

    def verify(self, pair: PicturePair) -> Distances:
        """:func:`memguard.detection.verification.verify`, once for each pair of pictures.

        The pictures are kept with the result: an `id` is unique only while its object lives, and
        detectors drop the views that they turn.
        """
        key = (id(pair.query), id(pair.reference))
        if key not in self.verified:
            self.verified[key] = (pair.query, pair.reference, verify(pair))
        return dict(self.verified[key][-1])

    def clear(self) -> None:
        """Forget the batch."""
        self.verified.clear()
        self.described.clear()


class SharedPicture(Picture):
    """A query whose mirror image is made once."""

    _mirror_image: Picture | None = None

    def mirrored(self) -> Picture:
        if self._mirror_image is None:
            self._mirror_image = super().mirrored()
        return self._mirror_image


class SharedIndex(DirectoryIndex):
    """An index whose references are decoded once."""

    def take(self, rows: Sequence[int]) -> list[Record]:
        return [SharedRecord(**vars(record)) for record in super().take(rows)]


class SharedRecord(Record):
    """A reference that is decoded once, whichever index it is read from."""

    decoded: ClassVar[dict[str, Picture]] = {}

    def picture(self) -> Picture:
        if self.id not in self.decoded:
            self.decoded[self.id] = super().picture()
        return self.decoded[self.id]


class SharedDescriptor(WrappedDescriptor):
    """A descriptor that describes each image of a batch once."""

    def __init__(self, inner: Descriptor, memory: BatchMemory) -> None:
        super().__init__(inner)
        self.memory = memory

    def describe(self, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
        keys = [(self.spec.name, array.tobytes()) for array in prepared]
        known = self.memory.described
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            vectors = self.inner.describe([prepared[i] for i in new])
            known.update(zip((keys[i] for i in new), vectors))
        return np.stack([known[key] for key in keys])
