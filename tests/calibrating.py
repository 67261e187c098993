"""A small index that is calibrated with held-out images."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from memguard.build import build_index, calibrate_index
from memguard.calibration import Calibration
from memguard.transforms import dead_leaves

GALLERY = ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png")
"""The photographs in the gallery's index; the others are novel to it."""

NOVEL = 33
"""Random pictures among the negatives."""

SIMILAR, MEMORIZED = 0.2, 0.1
"""Rates that 30 negatives can prove."""


@dataclass(frozen=True)
class Calibrated:
    """A calibrated index.

    Attributes:
        path: the index.
        negatives: the folder that it was calibrated with: NOVEL random pictures, two blank ones,
            and a mirrored copy of the cat, ``copy.jpg``.
        calibration: what ``calibrate_index`` returned.
    """

    path: Path
    negatives: Path
    calibration: Calibration


def write_gallery(photographs: dict[str, Image.Image], root: Path) -> Path:
    """An index of GALLERY; the cat stands in the folder three times, and has a caption."""
    (root / "images").mkdir()
    for name in GALLERY:
        photographs[name].save(root / "images" / f"{Path(name).stem}.png")
    for number in range(2):
        shutil.copy(root / "images" / "chelsea.png", root / "images" / f"z{number}.png")
    (root / "images" / "chelsea.txt").write_text("a cat", encoding="utf-8")
    output = root / "gallery.memguard"
    build_index(root / "images", output, clip=None, calibrate=False, workers=0)
    return output


def write_novel(folder: Path, count: int, *, edge: int = 80) -> None:
    """Random pictures of different content."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        dead_leaves((edge, edge), rng, leaves=150).save(folder / f"{number:03d}.png")


def calibrate_gallery(gallery: Path, cat: Image.Image, root: Path) -> Calibrated:
    """A copy of the gallery's index, calibrated at SIMILAR and MEMORIZED."""
    negatives = root / "negatives"
    write_novel(negatives, NOVEL)
    for level in (0, 255):
        Image.new("RGB", (80, 80), (level,) * 3).save(negatives / f"blank{level}.png")
    ImageOps.mirror(cat).save(negatives / "copy.jpg", quality=60)
    path = Path(shutil.copytree(gallery, root / "calibrated.memguard"))
    calibration = calibrate_index(path, negatives, similar_rate=SIMILAR, memorized_rate=MEMORIZED)
    return Calibrated(path, negatives, calibration)
