"""The demo's contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from memguard.demo.sheet import CELL, COLUMNS, MARGIN, TITLE_WIDTH, draw_sheet
from memguard.index import Index
from memguard.index.open import open_index
from memguard.verdict import Match, Verdict


@pytest.fixture(scope="module")
def opened(gallery: Path) -> Index:
    return open_index(gallery)


def cell(sheet: Image.Image, row: int, column: int) -> Image.Image:
    left = TITLE_WIDTH + column * (CELL + MARGIN)
    top = MARGIN + row * (CELL + MARGIN)
    return sheet.crop((left, top, left + CELL, top + CELL))


def colour(image: Image.Image) -> object:
    assert image.getextrema()[0][0] == image.getextrema()[0][1]
    return image.getpixel((0, 0))


def test_blocked_samples_are_above_passed_ones(opened: Index) -> None:
    references = opened.take(opened.sample(2, np.random.default_rng(0)))
    near = [(Match(each.id, "x.png", "as is", {}),) for each in references]
    verdicts = [
        Verdict("clear", 0.1, matches=near[0]),
        Verdict("memorized", 2.0, matches=near[0]),
        Verdict("memorized", 1.5, matches=near[0]),
        Verdict("memorized", 1.0, matches=near[1]),
        Verdict("similar", 0.7, matches=near[1]),
    ]
    made = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in range(5)]
    shown = [Image.new("RGB", (8, 8), (level, 255, 0)) for level in range(5)]
    sheet = draw_sheet(made, shown, verdicts, opened)
    order = [1, 3, 2]  # another training image comes before a second copy of the first
    assert [colour(cell(sheet, 0, column)) for column in range(3)] == [(i, 0, 0) for i in order]
    assert [colour(cell(sheet, 1, column)) for column in range(3)] == [(i, 255, 0) for i in order]
    assert colour(cell(sheet, 3, 0)) == (0, 255, 0)
    for row in (0, 3):
        assert colour(cell(sheet, row, COLUMNS - 1)) == (255, 255, 255)
    reference = references[0].image().convert("RGB")
    expected = reference.resize((CELL, CELL), Image.Resampling.NEAREST)
    assert cell(sheet, 2, 0).tobytes() == cell(sheet, 4, 0).tobytes() == expected.tobytes()


def test_nothing_blocked_and_nothing_passed(opened: Index) -> None:
    sheet = draw_sheet([], [], [], opened)
    assert sheet.size == (TITLE_WIDTH + COLUMNS * (CELL + MARGIN), MARGIN + 5 * (CELL + MARGIN))
