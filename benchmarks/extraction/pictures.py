"""Training sets of the extraction benchmark, whose repeated pictures are known.

Stamps (cropped to their content) and pieces of photographs, at SIDE x SIDE pixels. No two of them,
mirrored or not, are within LEAST_DISTANCE of each other, so a sample near one is near no other.
Repeated pictures are stamps, no two from one source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from benchmarks.common import pictures
from memguard.vision.pixel_distances import l2

SIDE = 32
"""Width and height of pictures and samples, in pixels."""
LEAST_DISTANCE = 0.18
"""The least l2 between two pictures of the benchmark, in [0, 1]."""
LEAST_CONTRAST = 0.12
"""Standard deviation of a channel's pixels, in [0, 1]; below it a picture is too flat to copy."""
MOST_WHITE = 0.4
"""The largest share of white pixels: pictures on white are near each other."""
WHITE_LEVEL = 0.96
"""The level in [0, 1] above which a pixel is white."""
CONTENT_CONTRAST = 12
"""The difference from white, of 255, by which a stamp's content shows."""
PIECES_PER_EDGE = 2
"""A photograph is cut into the square of this many pieces."""
LEFT_OUT = 50
"""Stamps that no model is trained on, and as many pieces of photographs."""
SEED = 0
"""Of the order in which pictures are drawn."""

STAMP_PREFIX = "stamp-"
"""Of the file names of stamps in the cache."""


@dataclass(frozen=True)
class Example:
    """One picture of a training set, or left out of all.

    Attributes:
        name: unique, and fit for a file name.
        source: pictures of one source may show the same thing.
        levels: uint8 (SIDE, SIDE, 3).
        caption: a sentence in English, unique among the stamps; empty for pieces of photographs.
    """

    name: str
    source: str
    levels: NDArray[np.uint8]
    caption: str

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The pixels as float32 in [0, 1]."""
        return np.asarray(self.levels, dtype=np.float32) / np.float32(255)

    @property
    def image(self) -> Image.Image:
        return Image.fromarray(self.levels)


@dataclass(frozen=True)
class TrainingSet:
    """Pictures to train on, some of them repeated.

    Attributes:
        examples: the distinct pictures.
        repeats: files of each, at least 1.
    """

    examples: Sequence[Example]
    repeats: Sequence[int]

    def write(self, folder: Path) -> Path:
        """Write a training folder, with a PNG file for every repeat."""
        folder.mkdir(parents=True, exist_ok=True)
        for example, repeats in zip(self.examples, self.repeats, strict=True):
            for number in range(repeats):
                example.image.save(folder / f"{example.name}-{number:03d}.png")
        return folder


@dataclass(frozen=True)
class Pool:
    """All pictures of the benchmark.

    Attributes:
        stamps: each has a caption.
        pieces: of photographs.
        left_out: stamps and pieces that no model sees.
    """

    stamps: Sequence[Example]
    pieces: Sequence[Example]
    left_out: Sequence[Example]

    def training_set(
        self, repeated: Mapping[int, int], first: int, captioned: bool = False
    ) -> TrainingSet:
        """A training set of all pictures, or of the stamps alone.

        Args:
            repeated: number of files to how many pictures have that many; the others have one.
            first: the first repeated stamp, counting one stamp for each source.
            captioned: use only pictures with a caption.
        """
        repeats = [count for count, pictures in repeated.items() for _ in range(pictures)]
        by_source = {stamp.source: stamp for stamp in reversed(self.stamps)}
        chosen = list(reversed(by_source.values()))[first : first + len(repeats)]
        names = {example.name for example in chosen}
        others = [*self.stamps, *([] if captioned else self.pieces)]
        single = [example for example in others if example.name not in names]
        return TrainingSet([*chosen, *single], [*repeats, *[1] * len(single)])


def pool(cache: Path) -> Pool:
    """All pictures of the cache that qualify, in a random order that SEED fixes."""
    candidates = list(_candidates(cache))
    np.random.default_rng(SEED).shuffle(candidates)
    apart = _apart(candidates)
    stamps = [example for example in apart if example.caption]
    pieces = [example for example in apart if not example.caption]
    return Pool(stamps[LEFT_OUT:], pieces[LEFT_OUT:], [*stamps[:LEFT_OUT], *pieces[:LEFT_OUT]])


def _candidates(cache: Path) -> Iterator[Example]:
    captions = _captions(cache)
    used = set()
    for picture in pictures.load(cache):
        if picture.kind not in ("photograph", "drawing"):
            continue
        name, whole = picture.path.stem, picture.open()
        caption = captions.get(picture.path.name, "")
        if name.startswith(STAMP_PREFIX):
            if not caption or caption in used:
                continue
            used.add(caption)
            parts = [whole.crop(_content_box(whole))]
        else:
            parts = list(_pieces(whole))
        for number, part in enumerate(parts):
            levels = np.asarray(ImageOps.fit(part, (SIDE, SIDE), Image.Resampling.BOX))
            example = Example(f"{name}-{number}", picture.group, levels, caption)
            white = float((example.unit.min(axis=2) > WHITE_LEVEL).mean())
            contrast = float(example.unit.std(axis=(0, 1)).mean())
            if white < MOST_WHITE and contrast > LEAST_CONTRAST:
                yield example


def _captions(cache: Path) -> dict[str, str]:
    """The English caption of each stamp, by the stamp's file name in the cache."""
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


def _pieces(image: Image.Image) -> Iterator[Image.Image]:
    width, height = image.width // PIECES_PER_EDGE, image.height // PIECES_PER_EDGE
    for row in range(PIECES_PER_EDGE):
        for column in range(PIECES_PER_EDGE):
            left, top = column * width, row * height
            yield image.crop((left, top, left + width, top + height))


def _apart(candidates: Sequence[Example]) -> list[Example]:
    """The candidates in their order, without those too near to an earlier one."""
    kept: list[Example] = []
    for candidate in candidates:
        if kept:
            others = np.stack([example.unit for example in kept])
            views = (candidate.unit, candidate.unit[:, ::-1])
            if min(l2(view, others).min() for view in views) < LEAST_DISTANCE:
                continue
        kept.append(candidate)
    return kept
