"""A picture laid out in pixels by matplotlib: text, pasted images and axes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from rich.console import Console
from rich.text import Text

from memguard._optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 100
FONT = "DejaVu Sans Mono"
"""Comes with matplotlib."""
FONT_SIZE = 13
FALLBACKS = ("Noto Sans CJK JP", "Arial Unicode MS")
"""Fonts, where installed, for characters that DejaVu lacks; others are drawn as boxes."""
CELL_WIDTH = 8
"""Pixels of a character of FONT at FONT_SIZE: 0.602 font sizes, rounded up as hinting does."""


class Canvas:
    """A white picture; positions and sizes are pixels from the upper left corner.

    Raises:
        ConfigurationError: the extra ``report`` is not installed.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        figures = require("matplotlib.figure", extra="report")
        fonts = require("matplotlib.font_manager", extra="report").get_font_names()
        self._figure = figures.Figure((width / DPI, height / DPI), dpi=DPI)
        self._fallbacks = [name for name in FALLBACKS if name in fonts]

    def write(
        self, left: int, top: int, text: str, color: str, size: int = FONT_SIZE, font: str = FONT
    ) -> None:
        """One line of text, ``size`` pixels high."""
        place = left / self.width, 1 - top / self.height
        written = self._figure.text(*place, text, va="top", color=color, parse_math=False)
        written.set(fontsize=size * 72 / DPI, fontfamily=[font, *self._fallbacks])

    def paste(self, left: int, top: int, image: Image.Image) -> None:
        """An RGB image, pixel by pixel."""
        self._figure.figimage(np.asarray(image), left, self.height - top - image.height)

    def axes(self, left: int, top: int, width: int, height: int, edge: str = "none") -> Axes:
        """Axes without ticks in this box, which may have an edge."""
        box = np.array([left, self.height - top - height, width, height], dtype=float)
        box /= self.width, self.height, self.width, self.height
        axes: Axes = self._figure.add_axes(tuple(box), xticks=[], yticks=[])
        axes.spines[:].set_color(edge)
        return axes

    def image(self) -> Image.Image:
        """The finished picture, RGB."""
        canvas = require("matplotlib.backends.backend_agg", extra="report").FigureCanvasAgg(
            self._figure
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def wrapped(text: str, width: int) -> list[str]:
    """Lines of FONT_SIZE that fit ``width`` pixels; long words are broken."""
    columns = width // CELL_WIDTH
    lines = Text(text).wrap(Console(width=columns), columns)
    return [line.plain.rstrip() for line in lines]
