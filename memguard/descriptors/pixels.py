"""The image itself, very small: finds copies that keep their framing and colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors.base import DescriptorSpec

SIDE = 16
"""Pixels on a side. 768 components take 1.5 KB as half floats; the distance between two such
rows estimates the paper's l2 from below (shrinking averages differences away)."""


@dataclass(frozen=True)
class Pixels:
    """RGB levels in [0, 1] of the image squeezed into a small square, row by row."""

    @property
    def spec(self) -> DescriptorSpec:
        return DescriptorSpec(
            name="pixels",
            metric="rms",
            dimension=3 * SIDE**2,
            model="RGB levels in [0, 1]",
            preprocessing=f"{SIDE} px square, box filter",
        )

    @property
    def prepare(self) -> Pixels:
        return self

    def __call__(self, image: Image.Image) -> NDArray[np.float32]:
        """RGB image -> float32 (3 * SIDE**2,) in [0, 1]."""
        small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
        return np.asarray(small, dtype=np.float32).reshape(-1) / np.float32(255)

    def describe(self, prepared: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(prepared)
