"""As many references as a training set has: windows of real pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from benchmarks.common.pictures import Picture
from memguard.sources.base import BytesItem

EDGE_PX = 384
"""Longer edge of a reference, in pixels."""
SMALLEST = 0.35
"""Least edge of a window, as a share of its picture's."""


@dataclass(frozen=True)
class Windows:
    """A source of windows, each a share of one picture's edges, at random places.

    Attributes:
        pictures: what they are cut from.
        count: how many there are.
    """

    pictures: Sequence[Picture]
    count: int
    name: str = "windows"

    def size(self) -> int:
        return self.count

    def iterate(self, after: str | None = None) -> Iterator[BytesItem]:
        first = 0 if after is None else int(after) + 1
        for number in range(first, self.count):
            uri = f"{number:07}"
            yield BytesItem(uri=uri, state="", data=self._encoded(number), position=uri)

    def window(self, number: int) -> Image.Image:
        """The pixels of one."""
        rng = np.random.default_rng(number)
        image = _opened(self.pictures[number % len(self.pictures)])
        width, height = (max(16, round(rng.uniform(SMALLEST, 1) * edge)) for edge in image.size)
        left, top = (
            int(rng.integers(edge - inside + 1))
            for edge, inside in zip(image.size, (width, height), strict=True)
        )
        window = image.crop((left, top, left + width, top + height))
        scale = EDGE_PX / max(window.size)
        return window.resize((round(width * scale) or 1, round(height * scale) or 1))

    def _encoded(self, number: int) -> bytes:
        stream = io.BytesIO()
        self.window(number).save(stream, "JPEG", quality=92)
        return stream.getvalue()


@lru_cache(maxsize=2000)
def _opened(picture: Picture) -> Image.Image:
    return picture.open()
