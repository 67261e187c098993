"""A small training set of real images, cut from photographs.

A few images (a face, a cup, a rocket ...) are in the training folder many times, the rest once.
Duplication is the main cause of memorization (Carlini et al. 2023, arXiv 2301.13188), so a model
trained on this folder copies the first kind and hardly ever the second.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from memguard.demo.photographs import Square, photographs

SIDE = 24
"""Width and height of every training image, in pixels."""

DUPLICATE_FILES = 16
"""Files of each duplicated image."""

CUT_SIDE = 72
"""Side of the squares that are cut from a photograph and scaled to SIDE, in its own pixels."""

LEAST_CONTRAST = 0.15
"""Least standard deviation of a channel's pixels, in [0, 1]; a flatter square is left out."""

DUPLICATED = {
    "face": Square("astronaut.png", 140, 5, 180),
    "shuttle": Square("astronaut.png", 340, 0, 150),
    "helmet": Square("astronaut.png", 290, 335, 177),
    "eye": Square("chelsea.png", 105, 60, 130),
    "cup": Square("coffee.png", 70, 0, 360),
    "rocket": Square("rocket.jpg", 230, 130, 290),
}
"""The images that are in the training folder DUPLICATE_FILES times, by name."""


@dataclass(frozen=True)
class TrainingImage:
    """An image of SIDE x SIDE pixels, RGB, and its number of files in the training folder."""

    name: str
    image: Image.Image
    files: int = 1


def cut_training_set() -> list[TrainingImage]:
    """Cut the photographs into training images, the same ones every time.

    The duplicated images come first, then the white squares of a chessboard laid over each
    photograph. No two squares overlap, and no two images are within an l2 of 0.1 (Carlini et al.:
    the root of the mean squared difference of pixels in [0, 1]).

    Raises:
        ConfigurationError: see :func:`photographs`.
    """
    sources = photographs()
    images = [
        TrainingImage(name, _scaled(sources[square.photograph], square), DUPLICATE_FILES)
        for name, square in DUPLICATED.items()
    ]
    for source, photograph in sources.items():
        for row in range(photograph.height // CUT_SIDE):
            for column in range(row % 2, photograph.width // CUT_SIDE, 2):
                square = Square(source, column * CUT_SIDE, row * CUT_SIDE, CUT_SIDE)
                if any(square.overlaps(taken) for taken in DUPLICATED.values()):
                    continue
                image = _scaled(photograph, square)
                if _contrast(image) >= LEAST_CONTRAST:
                    name = f"{Path(source).stem}-{row:02d}-{column:02d}"
                    images.append(TrainingImage(name, image))
    return images


def write_folder(images: Iterable[TrainingImage], folder: Path) -> list[Path]:
    """Write the images as PNG files.

    Args:
        images: see :func:`cut_training_set`.
        folder: made if absent; files of the same names in it are replaced.

    Returns:
        The paths of the files, sorted: ``face-000.png``, ``face-001.png`` ... for an image that
        has several.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for each in images:
        for number in range(each.files):
            suffix = f"-{number:03d}" if each.files > 1 else ""
            written.append(folder / f"{each.name}{suffix}.png")
            each.image.save(written[-1])
    return sorted(written)


def _contrast(image: Image.Image) -> float:
    """Standard deviation over the pixels, mean over the channels: 0 is one flat colour."""
    return float((np.asarray(image) / 255).std(axis=(0, 1)).mean())


def _scaled(photograph: Image.Image, square: Square) -> Image.Image:
    return photograph.resize((SIDE, SIDE), Image.Resampling.BOX, box=square.box)
