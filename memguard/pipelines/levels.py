"""Which levels of an array of images are black and white: guessed for each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.pictures import Unreadable

NOT_FINITE = "the image holds NaN or infinite levels"

SIGNED_BELOW = -0.01
"""Float level below which levels span [-1, 1] (DeepFloyd IF's ``pt``): no rounding of [0, 1]."""

OVERSHOOT = 1.5
"""Float levels of [0, 1] and [-1, 1] stay within plus and minus this: unclamped decoders overshoot.
Chosen by hand."""

BYTES_ABOVE = 16.0
"""Float level above which levels span [0, 255]. Bytes that stay below it are almost black."""

BYTES_BELOW = 320.0
"""Float level below which they still do: a quarter of overshoot. Chosen by hand."""

WHITE_8_BIT, WHITE_16_BIT = 255, 65535

SIXTEEN_BIT_ABOVE = 4095
"""Integer level above which levels span 16 bits; levels of 9 to 12 bits would look black so."""


@dataclass(frozen=True)
class Levels:
    """The levels of black and of white."""

    black: float
    white: float


def levels(images: NDArray[Any]) -> list[Levels | Unreadable]:
    """The levels of each image of a batch.

    An image that fits several ranges has that of the other images; one that fits none, such as a
    float image up to 15.9, is unreadable.

    Args:
        images: numbers or truth values, shape (n, ...).

    Raises:
        UnsupportedOutputError: neither numbers nor truth values.
    """
    kind = images.dtype.kind
    if kind not in "buif":
        raise UnsupportedOutputError(f"an array of dtype {images.dtype} holds no levels of images")
    if kind == "b":
        return [Levels(0, 1)] * len(images)
    if images.dtype == np.uint8:
        return [Levels(0, WHITE_8_BIT)] * len(images)
    axes = tuple(range(1, images.ndim))
    lowest = images.min(axis=axes).astype(np.float64).tolist()
    highest = images.max(axis=axes).astype(np.float64).tolist()
    ends = list(zip(lowest, highest))
    return _of_integers(ends) if kind in "ui" else _of_floats(ends)


def _of_integers(ends: list[tuple[float, float]]) -> list[Levels | Unreadable]:
    wide = any(SIXTEEN_BIT_ABOVE < high <= WHITE_16_BIT for _, high in ends)
    found: list[Levels | Unreadable] = []
    for low, high in ends:
        if low < 0 or high > WHITE_16_BIT or (high > WHITE_8_BIT and not wide):
            found.append(
                Unreadable(f"integer levels from {low:.0f} to {high:.0f} fit neither 8 nor 16 bits")
            )
        else:
            found.append(Levels(0, WHITE_16_BIT if wide else WHITE_8_BIT))
    return found


def _of_floats(ends: list[tuple[float, float]]) -> list[Levels | Unreadable]:
    signed = any(-OVERSHOOT <= low < SIGNED_BELOW and high <= OVERSHOOT for low, high in ends)
    bytes_beside = any(BYTES_ABOVE < high <= BYTES_BELOW for _, high in ends)
    found: list[Levels | Unreadable] = []
    for low, high in ends:
        if not (np.isfinite(low) and np.isfinite(high)):
            found.append(Unreadable(NOT_FINITE))
        elif low >= -OVERSHOOT and high <= OVERSHOOT:
            found.append(Levels(-1 if signed else 0, 1))
        elif (
            low >= WHITE_8_BIT - BYTES_BELOW
            and high <= BYTES_BELOW
            and (high > BYTES_ABOVE or bytes_beside)
        ):
            found.append(Levels(0, WHITE_8_BIT))
        else:
            found.append(
                Unreadable(
                    f"float levels from {low:.3g} to {high:.3g} are far outside [0, 1], [-1, 1] "
                    "and [0, 255]"
                )
            )
    return found
