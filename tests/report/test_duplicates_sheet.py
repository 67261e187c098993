"""The most repeated images: which they are, and their sheet."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.duplicates import most_repeated
from memguard.report.duplicates_sheet import CELL, LINE, MARGIN, WIDTH, draw


def test_files_and_images_are_counted(
    gallery: Path, built: tuple[Path, BuildSummary], cat: Image.Image
) -> None:
    (one,) = most_repeated(DirectoryIndex.open(gallery), 5)
    assert (one.files, one.images) == (3, 1)
    (member,) = one.members
    assert one.title == f"3 files, 1 distinct; {member.uri}: a cat"
    assert most_repeated(DirectoryIndex.open(built[0]), 5) == []


def test_the_sheet_shows_each_image_below_its_title(gallery: Path, cat: Image.Image) -> None:
    (one,) = most_repeated(DirectoryIndex.open(gallery), 1)
    first = dataclasses.replace(one.members[0], uri="cat.png")
    sheet = draw([dataclasses.replace(one, members=(first,))] * 2)
    height = LINE + CELL + 2 * MARGIN
    assert sheet.size == (WIDTH, 2 * height)
    small = first.image().convert("RGB")
    small.thumbnail((CELL, CELL))
    for row in range(2):
        top = row * height + MARGIN + LINE
        shown = sheet.crop((MARGIN, top, MARGIN + small.width, top + small.height))
        assert (np.asarray(shown) == np.asarray(small)).all()


def test_a_long_title_takes_more_lines(gallery: Path) -> None:
    (one,) = most_repeated(DirectoryIndex.open(gallery), 1)
    short, long = (
        dataclasses.replace(one, members=(dataclasses.replace(one.members[0], uri=uri),))
        for uri in ("cat.png", "/x" * 200)
    )
    assert draw([long]).height == draw([short]).height + 2 * LINE or draw([long]).height > (
        draw([short]).height
    )
