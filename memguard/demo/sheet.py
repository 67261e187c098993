"""The demo's contact sheet: blocked samples with their training images, and some that passed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from PIL import Image, ImageDraw

from memguard.index import Index
from memguard.verdict import Verdict

COLUMNS = 8
"""Blocked samples, and passed samples, on the sheet."""

CELL = 96
"""Side of each image on the sheet, in pixels."""

MARGIN = 10
"""Space around each image, in pixels."""

TITLE_WIDTH = 180
"""Width of the rows' titles, in pixels."""


def draw_sheet(
    made: Sequence[Image.Image],
    shown: Sequence[Image.Image],
    verdicts: Sequence[Verdict],
    index: Index,
) -> Image.Image:
    """Blocked samples (made, shown, training image) above some that passed (shown, nearest).

    Args:
        made: the model's samples.
        shown: the same samples as the guard shows them.
        verdicts: one per sample.
        index: the training set.
    """
    blocked = _varied([i for i, v in enumerate(verdicts) if v.label == "memorized"], verdicts)
    passed = [i for i, verdict in enumerate(verdicts) if verdict.label == "clear"]

    def nearest(i: int) -> Image.Image:
        record = index.find(verdicts[i].matches[0].id)
        return record.image() if record else Image.new("RGB", (CELL, CELL))

    rows = [
        ("BLOCKED: the model made", [made[i] for i in blocked]),
        ("the guard showed", [shown[i] for i in blocked]),
        ("the training image", [nearest(i) for i in blocked]),
        ("PASSED: the guard showed", [shown[i] for i in passed]),
        ("the nearest training image", [nearest(i) for i in passed]),
    ]
    pitch = CELL + MARGIN
    size = (TITLE_WIDTH + COLUMNS * pitch, MARGIN + len(rows) * pitch)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for row, (title, images) in enumerate(rows):
        top = MARGIN + row * pitch
        pen.text((MARGIN, top + CELL // 2), title, fill="black", anchor="lm")
        for column, image in enumerate(images[:COLUMNS]):
            enlarged = image.resize((CELL, CELL), Image.Resampling.NEAREST)
            sheet.paste(enlarged, (TITLE_WIDTH + column * pitch, top))
    return sheet


def _varied(positions: Sequence[int], verdicts: Sequence[Verdict]) -> list[int]:
    """The positions, first those whose training image has not been shown before."""
    seen: Counter[str] = Counter()
    turns = []
    for i in positions:
        original = verdicts[i].matches[0].id
        turns.append((seen[original], i))
        seen[original] += 1
    return [i for _, i in sorted(turns)]
