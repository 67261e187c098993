"""The plot and the contact sheet of the detection benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image, ImageDraw, ImageOps

from benchmarks.detection.score import Score

CELL = 88
"""Edge in pixels of a picture on the contact sheet."""
TITLE, HEADING, GAP = 11, 16, 4
"""Heights in pixels of a pair's title, of a section's heading and between lines of pairs."""
COLUMNS = 6
COLOURS = 96
"""Size of the contact sheet's palette, to keep the file small."""


@dataclass(frozen=True)
class Pair:
    """A query next to the reference that it copies or seems to copy."""

    title: str
    query: Image.Image
    reference: Image.Image


def plot_recall(scores: Mapping[str, Score], path: Path, title: str) -> None:
    """Bars of recall by transform, in one colour for each rule."""
    transforms = list(next(iter(scores.values())).recall)
    figure, axes = plt.subplots(figsize=(12, 4.2), layout="constrained")
    width = 0.84 / len(scores)
    places = np.arange(len(transforms) + 1)
    for i, (name, score) in enumerate(scores.items()):
        heights = [100 * value for value in (*score.recall.values(), score.mean)]
        colour = f"C{i}" if name.startswith("memguard") else plt.get_cmap("Greys")(0.3 + 0.15 * i)
        axes.bar(places + (i + 0.5) * width - 0.42, heights, width, label=name, color=colour)
    axes.set_xticks(places, [*transforms, "MEAN"], rotation=30, ha="right")
    axes.set_ylabel("copies found, %")
    axes.set_ylim(0, 101)
    axes.set_title(title)
    axes.legend(ncols=len(scores), loc="upper center", bbox_to_anchor=(0.5, -0.22), frameon=False)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def contact_sheet(
    sections: Mapping[str, Sequence[Pair]], path: Path, cell: int = CELL, columns: int = COLUMNS
) -> None:
    """Pairs of pictures, under a heading for each section.

    Args:
        sections: heading to pairs.
        path: the PNG file.
        cell: edge in pixels of a picture.
        columns: pairs in a line.
    """
    width, line = 2 * cell + 6, cell + TITLE + GAP
    lines = {heading: -(-len(pairs) // columns) for heading, pairs in sections.items()}
    height = sum(HEADING + count * line for count in lines.values())
    sheet = Image.new("RGB", (columns * width, max(height, 1)), "white")
    draw = ImageDraw.Draw(sheet)
    top = 0
    for heading, pairs in sections.items():
        draw.text((2, top + 2), heading, fill="black")
        top += HEADING
        for i, pair in enumerate(pairs):
            left, y = i % columns * width, top + i // columns * line
            draw.text((left + 2, y), pair.title[: width // 5], fill=(150, 0, 0), font_size=9)
            for j, image in enumerate((pair.query, pair.reference)):
                small = ImageOps.pad(image, (cell, cell), color=(225, 225, 225))
                sheet.paste(small, (left + j * cell, y + TITLE))
        top += lines[heading] * line
    sheet.quantize(COLOURS).save(path, optimize=True)
