"""Captioned pictures of the sampling benchmark: many seen once, some many times, some never.

Emoji of one vendor with their names, and stamps with their captions, cropped to their content, at
SIDE x SIDE pixels. No two are within LEAST_DISTANCE of each other, so a sample near one is near no
other, and no two have the same caption.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.common import pictures
from benchmarks.extraction.pictures import (
    CONTENT_CONTRAST,
    LEAST_CONTRAST,
    LEAST_DISTANCE,
    MOST_WHITE,
    SIDE,
    STAMP_PREFIX,
    WHITE_LEVEL,
    Example,
    TrainingSet,
)

VENDOR = "google"
"""Of the emoji; another vendor's are the same concepts again."""
EMOJI_PREFIX = f"emoji-{VENDOR}-"
"""Of the file names of emoji in the cache."""
REPEATED, REPEATS = 60, 20
"""Pictures that the training set repeats, and the files of each."""
LEFT_OUT = 390
"""Pictures that no model is trained on."""
SEED = 0
"""Of the order in which pictures are drawn."""


@dataclass(frozen=True)
class Captioned:
    """The pictures of the benchmark.

    Attributes:
        trained: the training set; its first REPEATED pictures are in it REPEATS times each.
        left_out: pictures that no model sees.
    """

    trained: TrainingSet
    left_out: list[Example]


def captioned(cache: Path) -> Captioned:
    """All pictures of the cache that qualify, in a random order that SEED fixes."""
    candidates = list(_candidates(cache))
    np.random.default_rng(SEED).shuffle(candidates)
    kept = _apart(candidates)
    left_out, used = kept[:LEFT_OUT], kept[LEFT_OUT:]
    repeats = [REPEATS] * REPEATED + [1] * (len(used) - REPEATED)
    return Captioned(TrainingSet(used, repeats), left_out)


def _candidates(cache: Path) -> Iterator[Example]:
    captions = {**_emoji_names(cache), **_stamp_captions(cache)}
    used = set()
    for picture in pictures.load(cache):
        caption = captions.get(picture.path.name, "")
        if not caption or caption in used:
            continue
        whole = picture.open()
        levels = np.asarray(
            ImageOps.fit(whole.crop(_content_box(whole)), (SIDE, SIDE), Image.Resampling.BOX)
        )
        example = Example(picture.path.stem, picture.group, levels, caption)
        white = float((example.unit.min(axis=2) > WHITE_LEVEL).mean())
        contrast = float(example.unit.std(axis=(0, 1)).mean())
        if white < MOST_WHITE and contrast > LEAST_CONTRAST:
            used.add(caption)
            yield example


def _emoji_names(cache: Path) -> dict[str, str]:
    """The name of each emoji, by its file name in the cache."""
    (archive,) = (cache / "packages").glob(f"emoji-datasource-{VENDOR}-*.tgz")
    with tarfile.open(archive) as package:
        file = package.extractfile("package/emoji.json")
        assert file is not None
        entries = json.load(file)
    return {EMOJI_PREFIX + entry["image"]: entry["name"].capitalize() for entry in entries}


def _stamp_captions(cache: Path) -> dict[str, str]:
    """The English caption of each stamp, by its file name in the cache."""
    root = cache / "packages" / "tuxpaint-stamps-default" / pictures.STAMPS
    found = {}
    for file in root.rglob("*.txt"):
        name = file.relative_to(root).with_suffix(".png").as_posix()
        lines = file.read_text(encoding="utf-8").splitlines()
        if lines and lines[0].strip():
            found[STAMP_PREFIX + name.replace("/", "-")] = lines[0].strip()
    return found


def _content_box(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The box around everything that is not white."""
    dark = ImageOps.invert(image.convert("L")).point(lambda level: 255 * (level > CONTENT_CONTRAST))
    return dark.getbbox()


def _apart(candidates: list[Example]) -> list[Example]:
    """The candidates in their order, without those too near to an earlier one."""
    pixels = np.stack([example.unit.ravel() for example in candidates])
    squares = (pixels**2).sum(axis=1)
    kept: list[int] = []
    for number, own in enumerate(pixels):
        squared = squares[kept] + squares[number] - 2 * pixels[kept] @ own
        if (squared > LEAST_DISTANCE**2 * len(own)).all():
            kept.append(number)
    return [candidates[number] for number in kept]
