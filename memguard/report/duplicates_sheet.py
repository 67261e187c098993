"""A picture of the most repeated training images."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from memguard.index.maintenance.duplicates import SHOWN, Repeated
from memguard.report.canvas import Canvas, wrapped
from memguard.vision.decode import to_rgb

CELL, MARGIN, LINE = 128, 8, 20
"""Edge of a thumbnail, and distances, in pixels."""
WIDTH = SHOWN * (CELL + MARGIN) + MARGIN
INK = "#1c2126"


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
