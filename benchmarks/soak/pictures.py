"""The index of the soak, and the images that are asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from benchmarks.common.pictures import Picture, load, split
from benchmarks.detection.splits import CLEAN, Query, is_fit, sample
from memguard import Guard, build_index
from memguard.index.store.manifest import MANIFEST_NAME
from memguard.vision.transforms import jpeg

Role = Literal["copy", "novel", "moving"]
"""A copy of a reference that stays; a picture that is in no reference; a copy of a reference that
is taken down and added again."""

BATCH = 8

LONGEST_PX = 256
"""Longer edge of the images that are asked for: the smaller, the more checks in the time."""


@dataclass(frozen=True)
class Size:
    """How many pictures there are.

    Attributes:
        references: that stay in the index.
        moving: references that are taken down and added again.
        asked: copies, and as many novel pictures.
    """

    references: int
    moving: int
    asked: int


FULL = Size(references=200, moving=6, asked=20)
QUICK = Size(references=60, moving=3, asked=8)


@dataclass(frozen=True)
class Asked:
    """An image that is asked for.

    Attributes:
        name: of its picture's file.
        role: see :data:`Role`.
        image: what the pipeline returns.
    """

    name: str
    role: Role
    image: Image.Image


@dataclass(frozen=True)
class Material:
    """What the soak works with.

    Attributes:
        index: of the references that stay.
        moving: the folder of the pictures that are added and taken down.
        asked: every image that is asked for.
        left_out: images that a check gives another verdict than their role asks for when nothing
            else goes on. What is measured is that verdicts stay.
    """

    index: Path
    moving: Path
    asked: tuple[Asked, ...]
    left_out: int


def material(cache: Path, size: Size) -> Material:
    """Build the index, unless it is there, and choose the images.

    Its thresholds are the defaults: how good verdicts are is measured by other benchmarks.
    """
    parts = split([one for one in load(cache) if one.kind in ("photograph", "drawing")], 0)
    rng = np.random.default_rng(0)
    own = sample(parts.references, size.references + size.moving, rng)
    moving, references = own[: size.moving], own[size.moving :]
    novel = sample(parts.test_negatives, 2 * size.asked, rng)
    novel = [one for one in novel if is_fit(Query(one, "test", CLEAN, one.kind), own)]
    copied = [one for one in references if is_fit(Query(one, "copy", CLEAN, one.kind), [])]
    folder = cache / "soak" / str(size.references)
    index = folder / "index.memguard"
    if not (index / MANIFEST_NAME).exists():
        source = _linked(references, folder / "pictures")
        build_index(source, index, weights={}, calibrate=False, workers=0)
    with_moving = folder / "moving"
    asked = [
        *(_copy(one, "copy") for one in copied[: size.asked]),
        *(Asked(one.path.name, "novel", _small(one)) for one in novel[: size.asked]),
        *(_copy(one, "moving") for one in moving),
    ]
    kept = judged_alone(index, asked)
    return Material(
        index,
        _linked(moving, with_moving),
        tuple(kept),
        len(asked) - len(kept),
    )


def judged_alone(
    index: Path, asked: Sequence[Asked], *, moving_are_in: bool = False
) -> list[Asked]:
    """Those that a check finds to be what their role says, when nothing else goes on."""
    guard = Guard(index)
    withheld: tuple[Role, ...] = ("copy", "moving") if moving_are_in else ("copy",)
    kept: list[Asked] = []
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        for one, verdict in zip(batch, guard.check([one.image for one in batch]), strict=True):
            if (verdict.label == "memorized") == (one.role in withheld):
                kept.append(one)
    return kept


def _copy(picture: Picture, role: Role) -> Asked:
    rng = np.random.default_rng(0)
    return Asked(picture.path.name, role, jpeg(_small(picture), rng, quality=50))


def _small(picture: Picture) -> Image.Image:
    image = picture.open()
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    return image


def _linked(pictures: Sequence[Picture], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        link = folder / picture.path.name
        if not link.exists():
            os.symlink(picture.path.resolve(), link)
    return folder
