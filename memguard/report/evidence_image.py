"""The picture of an explanation: what was found, four panels, and every signal's distance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.report.canvas import CELL_WIDTH, Canvas, wrapped
from memguard.report.comparison import Comparison
from memguard.report.formatting import (
    SIGNAL_HEADINGS,
    WHOLE,
    is_part,
    region_text,
    signal_rows,
)
from memguard.signal_type import SignalType
from memguard.verdict import Corners, Label, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = 300
"""Edge, in pixels, of each of the four square panels."""
MARGIN, LINE = 20, 21
HEAD = 174
"""Pixels above the panels: the label, two lines for the finding, each panel's title and note."""
TITLE, NOTE, SMALL = 124, 149, 12
"""Where a panel's title and its note begin, and the size of notes, in pixels."""
FINDING_SIZE, FINDING_CELL = 17, 10
"""Pixels: height of the finding's letters, and a bound on their mean width."""
WIDTH = 4 * PANEL + 5 * MARGIN

FULL_SCALE = 0.5
"""The difference of levels in [0, 1] that is drawn brightest."""
LEAST_TILE = 18
"""Edge, in pixels, of the least tile that its distance is written into."""

INK, FAINT, FRAME, GROUND = "#1c2126", "#5b6670", "#c3cad1", "#e4e8ec"
OUTLINE, UNCOVERED, KEPT, MASKED = "#00a5b5", "#c8c8c8", "#17663a", "#b91c1c"
COLOURS: Mapping[Label, str] = {"memorized": "#b91c1c", "similar": "#8a5200"}
CALM = "#17663a"
HEADING = "DejaVu Sans"
COLUMNS = "{:<20}{:>14}{:>20}{:>20}{:>20}   {}"
"""Of the table of signals, in characters."""


def draw(
    image: Image.Image,
    verdict: Verdict,
    comparison: Comparison | None,
    signals: Mapping[str, SignalType],
    finding: str,
) -> Image.Image:
    """The finding; query, reference, difference and mask side by side; every signal below."""
    lines = [
        (line, color)
        for text, color in _text(verdict, comparison, signals)
        for line in wrapped(text, WIDTH - 2 * MARGIN)
    ]
    below = HEAD + PANEL + 2 * LINE
    canvas = Canvas(WIDTH, below + len(lines) * LINE + MARGIN)
    color = COLOURS.get(verdict.label, CALM)
    canvas.axes(0, 0, WIDTH, 8, color).set_facecolor(color)
    canvas.write(MARGIN, 24, verdict.label.upper(), color, 26, HEADING)
    cells = (WIDTH - 2 * MARGIN) * CELL_WIDTH // FINDING_CELL
    for number, line in enumerate(wrapped(finding, cells)):
        canvas.write(MARGIN, 64 + number * 26, line, INK, FINDING_SIZE, HEADING)
    axes = _panel(canvas, 0, "this image", f"{image.width} x {image.height} px", np.asarray(image))
    region = verdict.matches[0].region if verdict.matches else None
    if region is not None and is_part(region):
        _outline(axes, region.query, image.width, image.height)
    if comparison is not None:
        _reference(canvas, comparison)
        _difference(canvas, comparison)
        _tiles(canvas, comparison)
    for number, (line, color) in enumerate(lines):
        canvas.write(MARGIN, below + number * LINE, line, color)
    return canvas.image()


def _panel(
    canvas: Canvas, column: int, title: str, note: str, pixels: NDArray[Any], **options: Any
) -> Axes:
    """One panel; its axes are in coordinates of the pixels that it shows."""
    left = MARGIN + column * (PANEL + MARGIN)
    canvas.write(left, TITLE, title, INK, 15, HEADING)
    canvas.write(left, NOTE, note, FAINT, SMALL, HEADING)
    canvas.axes(left - 1, HEAD - 1, PANEL + 2, PANEL + 2, FRAME).set_facecolor(GROUND)
    axes = canvas.axes(left, HEAD, PANEL, PANEL)
    height, width = pixels.shape[:2]
    axes.imshow(pixels, extent=(0, width, height, 0), **options)
    axes.set_autoscale_on(False)
    return axes


def _reference(canvas: Canvas, comparison: Comparison) -> None:
    """The reference, with the outline of what the query shows of it."""
    title = "training image" + (", mirrored" if comparison.mirrored else "")
    region = comparison.match.region
    outlined = region is not None and is_part(region)
    covered = outlined or comparison.alignment is None or comparison.covered.mean() >= WHOLE
    note = "as stored in the index"
    if outlined:
        note = "outlined in both: what is seen again"
    elif not covered:
        note = "outlined: the part that this image covers"
    axes = _panel(canvas, 1, title, note, comparison.reference.pixels)
    axes.xaxis.set_inverted(comparison.mirrored)
    height, width = comparison.reference.pixels.shape[:2]
    if region is not None and outlined:
        _outline(axes, region.reference, width, height)
    elif not covered:
        axes.fill(*comparison.outline.T, fill=False, edgecolor=OUTLINE, linewidth=3)


def _outline(axes: Axes, corners: Corners, width: int, height: int) -> None:
    """A region of a panel that shows a picture of this size."""
    points = np.array(corners) * (width, height)
    axes.fill(*points.T, fill=False, edgecolor=OUTLINE, linewidth=3)


def _difference(canvas: Canvas, comparison: Comparison) -> None:
    """A heat map: black where equal, through red to white; grey where the query shows nothing."""
    note = "not aligned: both stretched to one frame"
    if comparison.alignment is not None:
        share = comparison.covered.mean()
        note = f"aligned by {comparison.alignment.inliers} points; {share:.0%} covered"
    levels = np.ma.masked_where(~comparison.covered, comparison.difference)
    axes = _panel(canvas, 2, "difference", note, levels, cmap="inferno", vmin=0, vmax=FULL_SCALE)
    axes.xaxis.set_inverted(comparison.mirrored)
    axes.set_facecolor(UNCOVERED)
    scale = f"{comparison.rms:.1%} of black to white (rms); drawn white: {FULL_SCALE:.0%}"
    tones = f"{comparison.toned_rms:.1%} once brightness and colours are matched"
    for number, line in enumerate((scale, tones)):
        _below(canvas, 2, number, line)


def _below(canvas: Canvas, column: int, line: int, text: str) -> None:
    """A line of small text under a panel."""
    left, top = MARGIN + column * (PANEL + MARGIN), HEAD + PANEL + 5 + line * 17
    canvas.write(left, top, text, FAINT, SMALL, HEADING)


def _tiles(canvas: Canvas, comparison: Comparison) -> None:
    """The query with the l2 of each tile; those that the mask leaves out are pale and hatched."""
    title, note = "difference of 16 tiles", "0 equal, 1 black on white; hatched: the 4 largest"
    largest = comparison.match.distances["masked_tiled_l2"]
    _below(canvas, 3, 0, f"largest of the other 12 (masked_tiled_l2): {largest:.3f}")
    pixels = comparison.query.pixels
    axes = _panel(canvas, 3, title, note, pixels)
    axes.xaxis.set_inverted(comparison.mirrored)
    height, width = pixels.shape[0] / 4, pixels.shape[1] / 4
    box = {"facecolor": "#ffffffcc", "linewidth": 0, "pad": 1}
    for (row, column), kept in np.ndenumerate(comparison.mask):
        xs = np.array([0, 1, 1, 0, 0.5]) * width + column * width
        ys = np.array([0, 0, 1, 1, 0.5]) * height + row * height
        look = {"fc": "none", "ec": KEPT} if kept else {"fc": "#ffffff99", "ec": MASKED}
        axes.fill(xs[:4], ys[:4], hatch=None if kept else "//", **look)
        if min(width, height) / max(pixels.shape) * PANEL >= LEAST_TILE:
            l2 = f"{comparison.tiles[row, column]:.2f}"
            axes.text(xs[4], ys[4], l2, ha="center", va="center", color=INK, bbox=box)


def _text(
    verdict: Verdict, comparison: Comparison | None, signals: Mapping[str, SignalType]
) -> list[tuple[str, str]]:
    """Paragraphs with their colours: the reason, the reference, the signals."""
    text = [(verdict.why, INK)]
    match = comparison.match if comparison else next(iter(verdict.matches), None)
    if match is None:
        return text
    counts = (
        f"files with the same bytes: {match.exact_duplicates}; "
        f"near-duplicates: {match.near_duplicates - 1}"
    )
    text += [(region_text(match.region), INK)] if match.region else []
    text += [(f"Reference: {match.uri}", FAINT), (f"View: {match.view}; {counts}", FAINT)]
    text += [(f"Caption: {match.caption}", FAINT)] * bool(match.caption)
    text += [(f"Rights: {match.rights}", FAINT)] * bool(match.rights)
    text += [("", INK), (COLUMNS.format(*SIGNAL_HEADINGS), FAINT)]
    inks = {signal.name: COLOURS.get(signal.label, INK) for signal in verdict.signals}
    rows = signal_rows(verdict, signals)
    return text + [(COLUMNS.format(*row), inks.get(row[0], FAINT)) for row in rows]
