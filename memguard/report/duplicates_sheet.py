"""The most repeated training images, and a picture of them.

They are what a model memorizes: Carlini et al. (2023) extracted mostly images that Stable
Diffusion had seen at least 100 times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from memguard.index.local import DirectoryIndex
from memguard.index.record import Record
from memguard.report.canvas import Canvas, wrapped
from memguard.vision.decode import to_rgb

SHOWN = 8
"""Members of a cluster that are shown."""

CELL, MARGIN, LINE = 128, 8, 20
"""Edge of a thumbnail, and distances, in pixels."""
WIDTH = SHOWN * (CELL + MARGIN) + MARGIN
INK = "#1c2126"


@dataclass(frozen=True)
class Repeated:
    """References that are nearly the same image.

    Attributes:
        files: files of the training set that show it, exact duplicates included.
        images: distinct images among them.
        members: the first SHOWN of these.
    """

    files: int
    images: int
    members: tuple[Record, ...]

    @property
    def title(self) -> str:
        """How often it occurs, with the uri and caption of its first member."""
        first = self.members[0]
        caption = f": {first.caption}" if first.caption else ""
        return f"{self.files} files, {self.images} distinct; {first.uri}{caption}"


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
    """A row for each image: its title, and its members' thumbnails.

    Raises:
        ConfigurationError: the extra ``report`` is not installed.
    """
    titles = [wrapped(one.title, WIDTH - 2 * MARGIN) for one in repeated]
    lines = sum(map(len, titles))
    canvas = Canvas(WIDTH, lines * LINE + len(titles) * (CELL + 2 * MARGIN))
    top = MARGIN
    for one, title in zip(repeated, titles):
        for line in title:
            canvas.write(MARGIN, top, line, INK)
            top += LINE
        for column, record in enumerate(one.members):
            if record.has_pixels:
                small = to_rgb(record.image())
                small.thumbnail((CELL, CELL))
                canvas.paste(MARGIN + column * (CELL + MARGIN), top, small)
        top += CELL + 2 * MARGIN
    return canvas.image()
