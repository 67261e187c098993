"""The plot and the sheets of samples of the extraction benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from PIL import Image, ImageDraw

from benchmarks.extraction.ground_truth import Level

CELL = 64
"""Edge in pixels of a picture on the sheet."""
COLUMNS = 16
HEADING, GAP = 16, 4
"""Heights in pixels of a section's heading and between pairs."""
COLOURS = 128
"""Size of the sheet's palette, to keep the file small."""

Curve = Sequence[tuple[float, float]]
"""Points (x, y)."""
Pair = tuple[Image.Image, Image.Image]
"""A sample above the training picture nearest to it."""


def plot(
    by_repeats: Mapping[str, Sequence[Level]],
    by_steps: Mapping[str, Curve],
    by_deduplication: Mapping[str, tuple[float, float]],
    by_policy: Mapping[str, tuple[float, float]],
    path: Path,
) -> None:
    """Four panels: repeats and model size, training steps, deduplication, and the guard.

    Args:
        by_repeats: model to its levels.
        by_steps: number of repeats to (step, pictures extracted in %).
        by_deduplication: training set to the shares of samples, in %, that copy a picture that
            the full training set holds several times, and one that it holds once.
        by_policy: policy to (copies that get through, samples that are no copies stopped), in %.
        path: of the PNG.
    """
    figure, axes = plt.subplots(2, 2, figsize=(11, 7.6), layout="constrained")
    _repeats(axes[0, 0], by_repeats)
    _steps(axes[0, 1], by_steps)
    _deduplication(axes[1, 0], by_deduplication)
    _policies(axes[1, 1], by_policy)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _repeats(axes: Axes, models: Mapping[str, Sequence[Level]]) -> None:
    for number, (name, levels) in enumerate(models.items()):
        known = [level for level in levels if level.repeats]
        shares = [100 * level.samples / level.expected for level in known]
        axes.plot(range(len(known)), shares, "o-", label=name, color=f"C{number}")
        axes.set_xticks(range(len(known)), [str(level.repeats) for level in known])
    axes.set_xlabel("files of a picture in the training set")
    axes.set_ylabel("samples that copy such a picture,\n% of its share of the training set")
    axes.set_ylim(-3, 103)
    axes.set_title("Repeats, model size and training")
    axes.legend(frameon=False, loc="upper left")


def _steps(axes: Axes, curves: Mapping[str, Curve]) -> None:
    for number, (name, curve) in enumerate(curves.items()):
        colour = plt.get_cmap("viridis")(number / max(len(curves) - 1, 1))
        axes.plot(*zip(*curve), "o-", label=name, color=colour)
    axes.set_xlabel("training steps")
    axes.set_ylabel("pictures extracted, %")
    axes.set_ylim(-3, 103)
    axes.set_title("Training steps")
    axes.legend(frameon=False, title="files", loc="upper left", ncols=2)


def _deduplication(axes: Axes, shares: Mapping[str, tuple[float, float]]) -> None:
    names = ["of the repeated pictures", "of the others"]
    _bars(axes, list(shares), list(zip(*shares.values())), names)
    axes.set_ylabel("samples that are copies, %")
    axes.set_title("Deduplication of the training set")


def _policies(axes: Axes, policies: Mapping[str, tuple[float, float]]) -> None:
    names = ["copies that get through", "others that are stopped"]
    _bars(axes, list(policies), list(zip(*policies.values())), names)
    axes.set_ylabel("%")
    axes.set_title("Samples of the model with 50 files a picture, behind guard")


def _bars(
    axes: Axes, ticks: Sequence[str], groups: Sequence[Sequence[float]], names: Sequence[str]
) -> None:
    width = 0.7 / len(groups)
    for number, (heights, name) in enumerate(zip(groups, names, strict=True)):
        places = [place + (number + 0.5) * width - 0.35 for place in range(len(heights))]
        bars = axes.bar(places, heights, width, label=name, color=f"C{number}")
        axes.bar_label(bars, fmt="%.1f")
    axes.set_xticks(range(len(ticks)), ticks)
    axes.margins(y=0.3)
    axes.legend(frameon=False, loc="upper right")


def sheet(sections: Mapping[str, Sequence[Pair]], path: Path) -> None:
    """Samples above their nearest training pictures, under a heading for each section."""
    row = 2 * CELL + GAP
    rows = {heading: max(1, -(-len(pairs) // COLUMNS)) for heading, pairs in sections.items()}
    height = sum(HEADING + count * row for count in rows.values())
    canvas = Image.new("RGB", (COLUMNS * (CELL + GAP), height), "white")
    draw = ImageDraw.Draw(canvas)
    top = 0
    for heading, pairs in sections.items():
        draw.text((2, top + 2), heading, fill="black")
        top += HEADING
        for number, pair in enumerate(pairs):
            left, y = number % COLUMNS * (CELL + GAP), top + number // COLUMNS * row
            for lower, image in enumerate(pair):
                enlarged = image.resize((CELL, CELL), Image.Resampling.NEAREST)
                canvas.paste(enlarged, (left, y + lower * CELL))
        top += rows[heading] * row
    canvas.quantize(COLOURS).save(path, optimize=True)
