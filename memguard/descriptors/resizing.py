"""Resizing of an image to a model's input size: picklable, and needs only Pillow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from memguard.vision.picture import Picture

Mode = Literal["shortest", "longest", "squash"]
"""open_clip's names. ``shortest``: short edge to size, then the middle is cut out; ``longest``:
long edge to size, then padded; ``squash``: both edges to size."""


MAX_ASPECT = 64
"""Ratio of edges up to which ``shortest`` resizes the whole image. Of a longer strip, only the
middle is resized: the ends would take gigabytes before they are cut off."""


@dataclass(frozen=True)
class SquareResize:
    """Resize to a square of ``size`` pixels; identical to open_clip's transform for inference
    (up to :data:`MAX_ASPECT`).

    Attributes:
        size: the square's side in pixels.
        mode: see :data:`Mode`.
        filter: Pillow's resampling filter.
        fill: the RGB level of padding, for ``longest``.
    """

    size: int
    mode: Mode = "shortest"
    filter: Image.Resampling = Image.Resampling.BICUBIC
    fill: int = 0

    def __call__(self, picture: Picture) -> NDArray[np.uint8]:
        """Picture -> uint8 (size, size, 3)."""
        image = picture.image
        if self.mode == "squash":
            square = image.resize((self.size, self.size), self.filter)
        elif self.mode == "longest":
            square = self._padded(image)
        else:
            square = self._middle(image)
        return np.asarray(square)

    def _padded(self, image: Image.Image) -> Image.Image:
        ratio = max(image.size) / self.size
        width, height = (max(1, round(edge / ratio)) for edge in image.size)
        square = Image.new("RGB", (self.size, self.size), (self.fill,) * 3)
        corner = ((self.size - width) // 2, (self.size - height) // 2)
        square.paste(image.resize((width, height), self.filter), corner)
        return square

    def _middle(self, image: Image.Image) -> Image.Image:
        short = min(image.size)
        if max(image.size) > MAX_ASPECT * short:
            width, height = (min(edge, MAX_ASPECT * short) for edge in image.size)
            image = ImageOps.fit(image, (width, height))
        width, height = (int(self.size * edge / short) for edge in image.size)
        left, top = (round((edge - self.size) / 2) for edge in (width, height))
        resized = image.resize((width, height), self.filter)
        return resized.crop((left, top, left + self.size, top + self.size))

    def __str__(self) -> str:
        return f"{self.size} px square, {self.mode}, {self.filter.name.lower()}"
