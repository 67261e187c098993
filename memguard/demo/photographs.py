"""A small training set of real pictures, cut from the photographs in the scikit-image wheel.

A few pictures (a face, a cup, a rocket ...) stand in the training folder many times, the rest
once. Duplication is the main cause of memorization (Carlini et al. 2023, arXiv 2301.13188), so
a model trained on this folder copies the first kind and hardly ever the second.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from memguard.errors import ConfigurationError

SIDE = 24
"""Width and height of every training picture, in pixels."""

COPIES = 16
"""How many files of a duplicated picture stand in the training folder."""

WINDOW = 72
"""Side of the square that is cut from a photograph and scaled to SIDE, in its own pixels."""

LEAST_CONTRAST = 0.15
"""Standard deviation of a channel's pixels, in [0, 1]: below it a square is too flat to copy."""

PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
"""The colour photographs that the wheel itself holds; nothing is downloaded."""


@dataclass(frozen=True)
class Square:
    """A square part of a photograph: its left and top edge and its side, in pixels."""

    photograph: str
    left: int
    top: int
    side: int

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom), as Pillow wants it."""
        return self.left, self.top, self.left + self.side, self.top + self.side

    def overlaps(self, other: Square) -> bool:
        """Whether the two squares share a pixel of the same photograph."""
        return (
            self.photograph == other.photograph
            and abs(2 * self.left + self.side - 2 * other.left - other.side)
            < self.side + other.side
            and abs(2 * self.top + self.side - 2 * other.top - other.side) < self.side + other.side
        )


DUPLICATED = {
    "face": Square("astronaut.png", 140, 5, 180),
    "shuttle": Square("astronaut.png", 340, 0, 150),
    "helmet": Square("astronaut.png", 290, 335, 177),
    "eye": Square("chelsea.png", 105, 60, 130),
    "cup": Square("coffee.png", 70, 0, 360),
    "rocket": Square("rocket.jpg", 230, 130, 290),
}
"""The pictures that stand COPIES times in the training folder, by name."""


@dataclass(frozen=True)
class Picture:
    """One picture of the training set: SIDE x SIDE RGB, and how many files hold it."""

    name: str
    image: Image.Image
    copies: int = 1


@dataclass(frozen=True)
class PictureSet:
    """Pictures to train on, and pictures of the same kind that the model never sees."""

    training: list[Picture]
    held_out: list[Picture]


def photographs() -> dict[str, Image.Image]:
    """The photographs inside the installed scikit-image, as RGB images by file name.

    Raises:
        ConfigurationError: scikit-image, or one of its photographs, is not installed.
    """
    folder = _photograph_folder()
    missing = [name for name in PHOTOGRAPHS if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"{folder} lacks {', '.join(missing)}; the demo needs the photographs of the "
            "scikit-image wheel: pip install 'memguard[demo]'"
        )
    return {name: Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS}


def cut_pictures() -> PictureSet:
    """Cut the photographs into training pictures and held-out ones; nothing is left to chance.

    No two squares overlap. The duplicated pictures come first; of the other squares, laid out
    as a chessboard, the white ones are trained on and the black ones held out. No two pictures
    are within an l2 of 0.1 (Carlini et al.: the root of the mean squared difference of pixels
    in [0, 1]). A blurred sample comes nearer to a flat picture than a sharp one does: look, too.
    """
    sources = photographs()
    training = [
        Picture(name, _shrunk(sources[square.photograph], square), COPIES)
        for name, square in DUPLICATED.items()
    ]
    held_out: list[Picture] = []
    for source, photograph in sources.items():
        for row in range(photograph.height // WINDOW):
            for column in range(photograph.width // WINDOW):
                square = Square(source, column * WINDOW, row * WINDOW, WINDOW)
                if any(square.overlaps(taken) for taken in DUPLICATED.values()):
                    continue
                image = _shrunk(photograph, square)
                if _contrast(image) < LEAST_CONTRAST:
                    continue
                field = training if (row + column) % 2 == 0 else held_out
                field.append(Picture(f"{Path(source).stem}-{row:02d}-{column:02d}", image))
    return PictureSet(training, held_out)


def write_folder(pictures: list[Picture], folder: Path) -> list[Path]:
    """Write the pictures as PNG files: one that has N copies becomes N files.

    Args:
        pictures: what :func:`cut_pictures` returned, or a part of it.
        folder: made if absent; files of the same names in it are replaced.

    Returns:
        The paths of the files, sorted: ``face-000.png``, ``face-001.png`` ... for the copies.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for picture in pictures:
        for copy in range(picture.copies):
            suffix = f"-{copy:03d}" if picture.copies > 1 else ""
            written.append(folder / f"{picture.name}{suffix}.png")
            picture.image.save(written[-1])
    return sorted(written)


def _photograph_folder() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise ConfigurationError(
            "the demo cuts its training pictures from the photographs in the scikit-image wheel, "
            "which is not installed: pip install 'memguard[demo]'"
        )
    return Path(found.submodule_search_locations[0]) / "data"


def _contrast(image: Image.Image) -> float:
    """Standard deviation over the pixels, mean over the channels: 0 is one flat colour."""
    return float((np.asarray(image) / 255).std(axis=(0, 1)).mean())


def _shrunk(photograph: Image.Image, square: Square) -> Image.Image:
    return photograph.resize((SIDE, SIDE), Image.Resampling.BOX, box=square.box)
