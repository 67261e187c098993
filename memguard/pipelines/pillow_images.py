"""Pillow images of any mode as outputs."""

from __future__ import annotations

import numpy as np
from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.arrays import ImageBatch
from memguard.pipelines.pictures import Output, one

NUMBERS = ("F", "I", "I;16", "I;16L", "I;16B", "I;16N")
"""Modes whose levels have no fixed range."""


def pillow_output(image: Image.Image) -> Output:
    """The output that a Pillow image is.

    Raises:
        UnsupportedOutputError: it has no pixels, or it is a file of several pictures, of which the
            caller could show another.
    """
    if 0 in image.size:
        raise UnsupportedOutputError(
            f"an image of {image.width} x {image.height} pixels shows nothing to check"
        )
    if getattr(image, "n_frames", 1) > 1:
        raise UnsupportedOutputError(
            "a Pillow image of an output is an animation; return its pictures as a list"
        )
    if image.mode not in NUMBERS:
        return one(image, image, lambda shown: shown.resize(image.size).convert(image.mode))
    levels = np.asarray(image)
    batch = ImageBatch(levels[None, ..., None], channels_first=False)

    def rendered(shown: Image.Image) -> Image.Image:
        new = batch.shows(0, shown)[..., 0].astype(levels.dtype)
        return Image.frombytes(image.mode, image.size, new.tobytes())

    return one(batch[0], image, rendered)
