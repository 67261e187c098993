"""Layout: the coarse structure of a picture, shortened to less than a kilobyte.

Coarse structure is smooth: nearly all of it lies in the lowest frequencies of its cosine transform.
An index keeps these of every reference, so that most candidates are known to be far from a query
without decoding their pixels. The bound is exact: what a layout leaves out is known by its length.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from memguard.vision.structure import SIDE_PX

FREQUENCIES = 16
"""Along each edge, the lowest. Of 1,700 pairs of a generation and a candidate (benchmarks/real),
the bound is lower than the distance by 0.03 on average; with 12 frequencies by 0.15."""
COMPONENTS = 3 * FREQUENCIES**2
MAX_LEVEL = 127
ROUNDING = 1e-4
"""Taken off a bound, for sums in float32."""

TINY = float(np.finfo(np.float32).tiny)

_LENGTHS = struct.Struct("<3f")


@dataclass(frozen=True)
class Layout:
    """A shortened coarse structure.

    Attributes:
        levels: its lowest frequencies, in units of ``unit``, int8 (COMPONENTS,).
        unit: a level's value.
        rounded: the length of what rounding to levels leaves out.
        left_out: the length of the higher frequencies.
    """

    levels: NDArray[np.int8]
    unit: float
    rounded: float
    left_out: float

    def to_bytes(self) -> bytes:
        """780 bytes."""
        return _LENGTHS.pack(self.unit, self.rounded, self.left_out) + self.levels.tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Layout:
        """The inverse of :meth:`to_bytes`.

        Raises:
            ValueError: the bytes are too few.
        """
        if len(data) != BYTES:
            raise ValueError(f"a layout has {BYTES} bytes, not {len(data)}")
        return cls(np.frombuffer(data, np.int8, offset=_LENGTHS.size), *_LENGTHS.unpack_from(data))


BYTES = _LENGTHS.size + COMPONENTS
"""Of a stored layout."""

MARK = b"memguard layout\n"
"""Ends an image file whose last bytes are a layout. Decoders stop where the image ends."""


def with_layout(encoded: bytes, layout: Layout) -> bytes:
    """An image file, followed by its layout."""
    return encoded + layout.to_bytes() + MARK


def layout_in(encoded: bytes) -> Layout | None:
    """The layout that follows an image; None without, as in indexes of older versions."""
    if not encoded.endswith(MARK):
        return None
    end = len(encoded) - len(MARK)
    return Layout.from_bytes(encoded[end - BYTES : end])


def shorten(coarse: NDArray[np.float32]) -> Layout:
    """The layout of a coarse structure, float32 (SIDE_PX * SIDE_PX * 3,)."""
    lowest = _lowest(coarse)
    unit = float(np.abs(lowest).max()) / MAX_LEVEL
    levels = np.rint(lowest / max(unit, TINY)).astype(np.int8)
    rounded = float(np.linalg.norm(lowest - levels * np.float32(unit)))
    return Layout(levels, unit, rounded, _left_out(coarse, lowest))


def least_distances(coarse: NDArray[np.float32], layouts: list[Layout]) -> NDArray[np.float32]:
    """Lower bounds on 1 - correlation of a query's coarse structure with those of references.

    With the cosine transform, which is orthonormal, the product of two structures is that of their
    lowest frequencies and that of the others; each is at most the product of the lengths.

    Args:
        coarse: of the query, float32 (SIDE_PX * SIDE_PX * 3,), of length 1 or all 0.
        layouts: of the references.

    Returns:
        float32 (n,).
    """
    lowest = _lowest(coarse)
    known = np.stack([layout.levels for layout in layouts]).astype(np.float32) @ lowest
    units, rounded, left_out = np.array(
        [(layout.unit, layout.rounded, layout.left_out) for layout in layouts], np.float32
    ).T
    most = known * units + float(np.linalg.norm(lowest)) * rounded
    most += _left_out(coarse, lowest) * left_out
    return np.asarray(1 - ROUNDING - most, dtype=np.float32)


def _lowest(coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """The lowest frequencies of the cosine transform, float32 (COMPONENTS,)."""
    waves = _waves()
    rows = (waves @ coarse.reshape(SIDE_PX, -1)).reshape(FREQUENCIES, SIDE_PX, 3)
    return np.asarray((waves @ rows).reshape(-1))


def _left_out(coarse: NDArray[np.float32], lowest: NDArray[np.float32]) -> float:
    return float(np.sqrt(max(float(coarse @ coarse) - float(lowest @ lowest), 0) + ROUNDING**2))


@cache
def _waves() -> NDArray[np.float32]:
    """The lowest rows of the orthonormal cosine transform, float32 (FREQUENCIES, SIDE_PX)."""
    return np.asarray(dct(np.eye(SIDE_PX), axis=0, norm="ortho")[:FREQUENCIES], dtype=np.float32)
