"""The image itself, very small: finds copies that keep their framing.

Its structure is compared, so that neither brightness, contrast nor a large flat background counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.signal_type import DescriptorSignal, SignalType
from memguard.vision.picture import Picture
from memguard.vision.structure import Scale, structure

SIDE_PX = 16
"""Edge of the square: 768 components, 1.5 KB as half floats."""

SCALE = Scale(blur=0, window=1.5, floor=0.5)
"""In pixels of that square; chosen on the photographs and drawings of benchmarks/detection."""


@dataclass(frozen=True)
class Pixels:
    """:func:`~memguard.vision.structure.structure` of the image as a small square."""

    name: ClassVar[str] = "pixels"
    signals: ClassVar[tuple[SignalType, ...]] = (
        DescriptorSignal("pixels", "16 x 16 thumbnail: 1 - cosine"),
    )
    learned: ClassVar[bool] = False
    neighbours: ClassVar[int] = 5
    score_normalised: ClassVar[bool] = False
    describes_windows: ClassVar[bool] = False

    @property
    def spec(self) -> DescriptorSpec:
        return DescriptorSpec(
            name=self.name,
            metric="cosine",
            dimension=3 * SIDE_PX**2,
            model=f"RGB levels less local mean, over local contrast (sigma {SCALE.window} px)",
            preprocessing=f"{SIDE_PX} px square, area filter",
        )

    @property
    def prepare(self) -> Pixels:
        return self

    def __call__(self, picture: Picture) -> NDArray[np.float32]:
        """Picture -> float32 (3 * SIDE_PX**2,), of length 1, or 0 if it is flat."""
        square = cv2.resize(picture.pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
        return structure(square.astype(np.float32) / 255, SCALE)

    def describe(self, prepared: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(prepared)
