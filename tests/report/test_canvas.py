"""Text, images and axes at exact pixels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from memguard.report.canvas import Canvas, wrapped

LONG = ("/x" * 200, "W" * 400, "words " * 60, "\N{CJK UNIFIED IDEOGRAPH-732B}" * 300)


def inked(image: Image.Image) -> tuple[int, int, int, int]:
    """The box of all that is not white."""
    rows, columns = np.nonzero((np.asarray(image) < 250).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize("text", LONG)
def test_wrapped_lines_fit(text: str) -> None:
    lines = wrapped(text, 300)
    assert len(lines) > 1
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    canvas = Canvas(320, 20 * len(lines))
    for number, line in enumerate(lines):
        canvas.write(10, 20 * number, line, "black")
    left, _, right, _ = inked(canvas.image())
    assert left >= 9
    assert right <= 311


def test_images_and_axes_are_where_they_should_be() -> None:
    canvas = Canvas(100, 60)
    canvas.paste(10, 20, Image.new("RGB", (30, 25), "red"))
    assert inked(canvas.image()) == (10, 20, 40, 45)
    canvas = Canvas(100, 60)
    canvas.axes(5, 10, 20, 30).set_facecolor("black")
    assert inked(canvas.image()) == (5, 10, 25, 40)


def test_text_is_no_markup_and_missing_glyphs_are_no_warnings() -> None:
    canvas = Canvas(400, 40)
    canvas.write(0, 10, "$a_b$ \\frac \N{CUNEIFORM SIGN A} \N{CAT FACE}", "black")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert canvas.image().size == (400, 40)
