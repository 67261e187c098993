"""The images that stand in the training set again and again, most often first, and their picture.

They are what gets memorized: Carlini et al. (2023) extracted mostly images that Stable Diffusion
had seen at least 100 times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from memguard.index.local import DirectoryIndex
from memguard.index.record import Record
from memguard.vision.decode import to_rgb

SHOWN = 8
"""Members of a cluster that are looked at."""

CELL, MARGIN, LINE = 128, 8, 20
"""Pixels of the picture."""

PAPER, INK = (255, 255, 255), (30, 30, 30)


@dataclass(frozen=True)
class Repeated:
    """References that are nearly the same image.

    Attributes:
        files: files of the training set that show it, exact copies included.
        images: distinct images among them.
        members: the first SHOWN of these.
    """

    files: int
    images: int
    members: tuple[Record, ...]


def most_repeated(index: DirectoryIndex, count: int) -> list[Repeated]:
    """The images that the most files show, at most ``count`` of them; those with one file are left
    out.
    """
    rows = index.rows()
    names, members = np.unique(index.clusters()[rows], return_inverse=True)
    files = np.bincount(members, weights=index.exact_duplicates()[rows]).astype(np.int64)
    images = np.bincount(members)
    order = np.argsort(-files, kind="stable")[:count]
    return [
        Repeated(
            int(files[at]),
            int(images[at]),
            tuple(index.take(rows[members == at][:SHOWN].tolist())),
        )
        for at in order[: len(names)]
        if files[at] > 1
    ]


def draw(repeated: Sequence[Repeated]) -> Image.Image:
    """A row for each: how often, where it was first seen, and its members' thumbnails."""
    height = LINE + CELL + 2 * MARGIN
    sheet = Image.new("RGB", (SHOWN * (CELL + MARGIN) + MARGIN, height * len(repeated)), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for row, one in enumerate(repeated):
        top = row * height + MARGIN
        pen.text((MARGIN, top), _caption(one), fill=INK, font=font)
        for column, record in enumerate(one.members):
            if record.has_pixels:
                small = to_rgb(record.image())
                small.thumbnail((CELL, CELL))
                sheet.paste(small, (MARGIN + column * (CELL + MARGIN), top + LINE))
    return sheet


def _caption(one: Repeated) -> str:
    first = one.members[0]
    words = f": {first.caption}" if first.caption else ""
    return f"{one.files} files, {one.images} distinct  {first.uri}{words}"[:130]
