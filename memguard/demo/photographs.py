"""The photographs in the scikit-image wheel, and squares of them."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from memguard.errors import ConfigurationError

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
        """(left, top, right, bottom), as Pillow takes it."""
        return self.left, self.top, self.left + self.side, self.top + self.side

    def overlaps(self, other: Square) -> bool:
        """Whether the two squares share a pixel of the same photograph."""
        return (
            self.photograph == other.photograph
            and abs(2 * self.left + self.side - 2 * other.left - other.side)
            < self.side + other.side
            and abs(2 * self.top + self.side - 2 * other.top - other.side) < self.side + other.side
        )


def photographs() -> dict[str, Image.Image]:
    """The photographs inside the installed scikit-image, as RGB images by file name.

    Raises:
        ConfigurationError: scikit-image, or one of its photographs, is not installed.
    """
    folder = _folder()
    missing = [name for name in PHOTOGRAPHS if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"{folder} lacks {', '.join(missing)}; the demo needs the photographs of the "
            "scikit-image wheel: pip install 'memguard[demo]'"
        )
    return {name: Image.open(folder / name).convert("RGB") for name in PHOTOGRAPHS}


def _folder() -> Path:
    found = importlib.util.find_spec("skimage")
    if found is None or not found.submodule_search_locations:
        raise ConfigurationError(
            "the demo cuts its training images from the photographs in the scikit-image wheel, "
            "which is not installed: pip install 'memguard[demo]'"
        )
    return Path(found.submodule_search_locations[0]) / "data"
