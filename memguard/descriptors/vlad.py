"""VLAD: the local features of an image, aggregated in one vector.

Finds what hashes cannot: crops, insets, rotated and bordered copies share pieces with their
reference. It proposes candidates; :mod:`memguard.vision.alignment` then checks them piece by piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.signal_type import DescriptorSignal, SignalType
from memguard.vision.local_features import CENTROIDS, DIRECTIONS, FEATURE_EDGE_PX, vlad
from memguard.vision.picture import Picture


@dataclass(frozen=True)
class Vlad:
    """:func:`memguard.vision.local_features.vlad` as a descriptor, float32 unit vectors."""

    name: ClassVar[str] = "vlad"
    signals: ClassVar[tuple[SignalType, ...]] = (
        DescriptorSignal("vlad", "summary of all local features: 1 - cosine"),
    )
    learned: ClassVar[bool] = False
    neighbours: ClassVar[int] = 16
    score_normalised: ClassVar[bool] = False
    describes_windows: ClassVar[bool] = False

    @property
    def spec(self) -> DescriptorSpec:
        return DescriptorSpec(
            name=self.name,
            metric="cosine",
            dimension=CENTROIDS * DIRECTIONS,
            model=f"VLAD of RootSIFT, {DIRECTIONS} directions, {CENTROIDS} centroids",
            preprocessing=f"longer edge {FEATURE_EDGE_PX} px, denoised, contrast stretched",
        )

    @property
    def prepare(self) -> Vlad:
        return self

    def __call__(self, picture: Picture) -> NDArray[np.float32]:
        """Picture -> float32 (CENTROIDS * DIRECTIONS,)."""
        return vlad(picture.features)

    def describe(self, prepared: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(prepared)
