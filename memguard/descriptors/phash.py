"""Perceptual hashes by ``imagehash``: the low frequencies of a grey, shrunken image.

They survive recompression, blur, noise and scaling, but neither crops nor rotation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import imagehash
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors.base import DescriptorSpec
from memguard.signal_type import DescriptorSignal, SignalType, Witness
from memguard.vision.picture import Picture

FREQUENCY_FACTOR = 4
"""imagehash's default: pixels on a side of the shrunken image, per bit on a side."""

NEAR_DUPLICATE_BITS = 31
"""Of 256: the distance that PDQ, another hash of 256 bits, calls a match
(https://github.com/facebook/ThreatExchange/tree/main/pdq)."""


@dataclass(frozen=True)
class PHash:
    """``imagehash.phash`` as a bit string.

    Attributes:
        hash_size: bits on a side: 8 for 64 bits, 16 for 256.
        neighbours: see :class:`~memguard.descriptors.base.Descriptor`.
    """

    learned: ClassVar[bool] = False
    score_normalised: ClassVar[bool] = False
    describes_windows: ClassVar[bool] = False

    hash_size: int
    neighbours: int = 1

    @property
    def spec(self) -> DescriptorSpec:
        bits, edge = self.hash_size**2, FREQUENCY_FACTOR * self.hash_size
        return DescriptorSpec(
            name=f"phash{bits}",
            metric="hamming",
            dimension=bits,
            model=f"imagehash.phash(hash_size={self.hash_size}, highfreq_factor=4)",
            preprocessing=f"grey, {edge} px square, Lanczos (by imagehash)",
        )

    @property
    def prepare(self) -> PHash:
        return self

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        """Picture -> packed bits, uint8 (bits / 8,), most significant bit first."""
        small = Image.fromarray(picture.luma(FREQUENCY_FACTOR * self.hash_size))
        return np.packbits(imagehash.phash(small, self.hash_size, FREQUENCY_FACTOR).hash)

    def describe(self, prepared: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
        return np.stack(prepared)


@dataclass(frozen=True)
class PHash64(PHash):
    """The usual perceptual hash."""

    name: ClassVar[str] = "phash64"
    signals: ClassVar[tuple[SignalType, ...]] = (
        DescriptorSignal(
            "phash64", "bits of a 64 bit perceptual hash that differ", counts_bits=True
        ),
    )

    hash_size: int = 8


@dataclass(frozen=True)
class PHash256(PHash):
    """A hash of more frequencies, which separates more images."""

    name: ClassVar[str] = "phash256"
    signals: ClassVar[tuple[SignalType, ...]] = (
        DescriptorSignal(
            "phash256",
            "bits of a 256 bit perceptual hash that differ",
            counts_bits=True,
            witness=Witness("layout", 60),
            near_duplicates=NEAR_DUPLICATE_BITS,
        ),
    )

    hash_size: int = 16
    neighbours: int = 3
