"""Images as arrays of numbers: which axis is which, and which levels are black and white."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.errors import UnsupportedOutputError

SIGNED_BELOW = -0.01
"""Float level below which levels span [-1, 1] (DeepFloyd IF's ``pt``): no rounding of [0, 1]."""

BYTES_ABOVE = 16.0
"""Float level above which levels span [0, 255]. Unclamped decoders overshoot [-1, 1], but not so
far, and bytes that stay below it are almost black."""

WHITE_8_BIT, WHITE_16_BIT = 255, 65535


@dataclass(frozen=True)
class ImageArray:
    """A batch of images as numbers.

    Attributes:
        images: shape (n, h, w, c).
        black, white: the levels of black and of white.
    """

    images: NDArray[Any]
    black: float
    white: float

    @classmethod
    def of(cls, array: NDArray[Any], *, channels_first: bool) -> ImageArray:
        """Read an array; where both axis orders are possible, ``channels_first`` decides.

        Raises:
            UnsupportedOutputError: the shape or the levels are not those of images.
        """
        if array.ndim not in (3, 4) or 0 in array.shape:
            raise UnsupportedOutputError(
                f"an array of shape {array.shape} is neither an image nor a batch of images"
            )
        images = array if array.ndim == 4 else array[None]
        first, last = images.shape[1] in (1, 3), images.shape[3] in (1, 3, 4)
        if not (first or last):
            raise UnsupportedOutputError(
                f"an array of shape {array.shape} has no axis of 1 or 3 channels; are these "
                'latents? Call the pipeline with output_type "pil", "np" or "pt"'
            )
        if first and (channels_first or not last):
            images = images.transpose(0, 2, 3, 1)
        return cls(images, *_range(images))

    def pictures(self) -> list[Image.Image | None]:
        """Each image for Pillow; None for one with a level that is not finite."""
        return [self._picture(image) if np.isfinite(image).all() else None for image in self.images]

    def level(self, byte: int) -> float:
        """The level that shows as this byte."""
        return self.black + (self.white - self.black) * byte / WHITE_8_BIT

    def _picture(self, image: NDArray[Any]) -> Image.Image:
        unit = (image.astype(np.float32) - self.black) / (self.white - self.black)
        levels = np.rint(np.clip(unit, 0, 1) * WHITE_8_BIT).astype(np.uint8)
        return Image.fromarray(levels[..., 0] if levels.shape[2] == 1 else levels)


def _range(images: NDArray[Any]) -> tuple[float, float]:
    """Infer black and white from the range of levels."""
    if images.dtype == np.bool_:
        return 0.0, 1.0
    finite = images[np.isfinite(images)]
    lowest, highest = finite.min(initial=0), finite.max(initial=0)
    if np.issubdtype(images.dtype, np.integer):
        if lowest < 0 or highest > WHITE_16_BIT:
            raise UnsupportedOutputError(
                f"integer levels from {lowest} to {highest} fit neither 8 nor 16 bits"
            )
        return 0.0, float(WHITE_8_BIT if highest <= WHITE_8_BIT else WHITE_16_BIT)
    if highest > BYTES_ABOVE:
        return 0.0, float(WHITE_8_BIT)
    return (-1.0, 1.0) if lowest < SIGNED_BELOW else (0.0, 1.0)
