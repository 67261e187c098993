"""A colour histogram: finds copies whose layout has changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.signal_type import DescriptorSignal
from memguard.vision.picture import Picture

BINS = 4
"""Of each channel: 64 colours."""


@dataclass(frozen=True)
class Colours:
    """Shares of 64 colours."""

    name: ClassVar[str] = "colours"
    signals: ClassVar[tuple[DescriptorSignal, ...]] = (
        DescriptorSignal("colours", "colour histogram: 1 - cosine"),
    )
    learned: ClassVar[bool] = False
    neighbours: ClassVar[int] = 3  # references that it proposes for each view
    score_normalised: ClassVar[bool] = False
    describes_windows: ClassVar[bool] = False

    @property
    def spec(self) -> DescriptorSpec:
        return DescriptorSpec(self.name, "cosine", BINS**3, "RGB histogram", f"{BINS} bins each")

    @property
    def prepare(self) -> "Colours":
        return self

    def __call__(self, picture: Picture) -> NDArray[np.float32]:
        """Picture -> float32 (64,), of length 1. Runs in worker processes."""
        levels = picture.pixels.reshape(-1, 3) // (256 // BINS)
        counts = np.bincount(levels @ [BINS**2, BINS, 1], minlength=BINS**3).astype(np.float32)
        return (counts / np.linalg.norm(counts)).astype(np.float32)

    def describe(self, prepared: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(prepared)
