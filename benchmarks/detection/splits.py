"""The indexes of the detection benchmark, and the queries to each.

A split divides pictures by source into references, calibration negatives and test negatives. A
query is one image: a simulated copy of a reference, a negative as it is or transformed, or a
reference as it is, measured as if it were not in the index (leave-one-out).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image

from benchmarks.common.evasions import evasions
from benchmarks.common.pictures import Picture, split
from memguard.vision.picture import Picture as CheckedPicture
from memguard.vision.transforms import simulated_copies

CLEAN = "clean"
PROMISE_SEEDS = 5
"""Splits on which the promise of the calibration is tested."""
FEW_COPIED = 8
"""References that are copied in splits that do not measure recall."""
TRANSFORMS_PER_NEGATIVE = 1
"""Transforms, drawn at random, of each negative of a split that measures recall."""
DRAWINGS_SHARE = 0.4
"""The share of drawings among the negatives of photographs and drawings."""
EMOJI_REFERENCES, EMOJI_NEGATIVES, EMOJI_OTHERS = 300, 80, 20
"""Emoji that are indexed, that are negatives of each role, and into which copies are pasted."""
REFERENCE_VENDOR, OTHER_VENDOR = "google", "twitter"

Role = Literal["copy", "calibration", "test", "leave-one-out"]


@dataclass(frozen=True)
class Query:
    """One image to check.

    Attributes:
        picture: its source.
        role: what it is measured for.
        transform: what was done to its source, or `CLEAN`.
        kind: of the source; the other vendor's drawing of a reference is a "twin".
    """

    picture: Picture
    role: Role
    transform: str
    kind: str

    @property
    def key(self) -> str:
        """Unique within a task."""
        return f"{self.role}|{self.transform}|{self.picture.path.name}"


@dataclass(frozen=True)
class Task:
    """One index and the queries to it.

    Attributes:
        name: of the task, and of its folder in the cache.
        references: the pictures that are indexed.
        queries: in the order in which they are measured.
        others: pictures into which copies are pasted and with which they are blended.
        sscd: whether there is also an index with SSCD.
    """

    name: str
    references: Sequence[Picture]
    queries: Sequence[Query]
    others: Sequence[Picture]
    sscd: bool

    def images(self, queries: Sequence[Query]) -> Iterator[Image.Image]:
        """The images of some queries; every call gives the same ones."""
        others = [picture.open() for picture in self.others]
        transforms = {**simulated_copies(others), **evasions(others)}
        for query in queries:
            image = query.picture.open()
            if query.transform != CLEAN:
                seed = zlib.crc32(f"{query.transform} {query.picture.path.name}".encode())
                image = transforms[query.transform](image, np.random.default_rng(seed))
            yield image


def tasks(
    pictures: Sequence[Picture],
    seeds: int,
    copied: int,
    novel: int,
    sscd_seeds: int,
    promise_seeds: int = PROMISE_SEEDS,
    emoji_sscd: bool = False,
) -> list[Task]:
    """Every task, the most informative ones first.

    Args:
        pictures: of all kinds.
        seeds: splits of photographs and drawings that measure recall.
        copied: references that are copied in each of these splits.
        novel: photographs and drawings among the negatives of each role and split.
        sscd_seeds: how many of these splits are also measured with SSCD, by far the slowest part.
        promise_seeds: splits, of emoji too, that test the promise of the calibration.
        emoji_sscd: whether the first split of emoji is measured with SSCD.
    """
    natural = [p for p in pictures if p.kind in ("photograph", "drawing")]
    emoji = [p for p in pictures if p.kind == "emoji"]
    chosen = []
    for seed in range(max(seeds, promise_seeds)):
        full = seed < seeds
        count = copied if full else FEW_COPIED
        sscd = full and seed < sscd_seeds
        chosen.append(_natural_task(natural, seed, count, novel, full=full, sscd=sscd))
        if seed < promise_seeds:
            chosen.append(_emoji_task(emoji, seed, FEW_COPIED, sscd=emoji_sscd and seed == 0))
    return chosen


def _natural_task(
    pictures: Sequence[Picture], seed: int, copied: int, novel: int, *, full: bool, sscd: bool
) -> Task:
    parts = split(pictures, seed)
    rng = np.random.default_rng(seed)
    queries = list(_copies(sample(parts.references, copied, rng)))
    negatives: dict[Role, list[Picture]] = {
        "calibration": parts.calibration_negatives,
        "test": parts.test_negatives,
    }
    transforms = TRANSFORMS_PER_NEGATIVE if full else 0
    for role, members in negatives.items():
        queries += _negatives(_mixed(members, novel, rng), role, transforms, rng)
    left_out = _mixed(parts.references, novel, rng)
    queries += [Query(p, "leave-one-out", CLEAN, p.kind) for p in left_out]
    queries = [query for query in queries if is_fit(query, parts.references)]
    return Task(f"pictures-{seed}", parts.references, queries, parts.others, sscd=sscd)


def is_fit(query: Query, references: Sequence[Picture]) -> bool:
    """Blank pictures have no copies, and a negative must not share parts with a reference."""
    negative = query.role in ("calibration", "test")
    if negative and any(query.picture.shares_parts(reference) for reference in references):
        return False
    return not _is_blank(query.picture)


@cache
def _is_blank(picture: Picture) -> bool:
    return CheckedPicture(picture.open()).is_blank


def _mixed(pictures: Sequence[Picture], count: int, rng: np.random.Generator) -> list[Picture]:
    """A sample with a fixed share of drawings."""
    drawings = round(DRAWINGS_SHARE * count)
    return sample([p for p in pictures if p.kind == "drawing"], drawings, rng) + sample(
        [p for p in pictures if p.kind == "photograph"], count - drawings, rng
    )


def _emoji_task(pictures: Sequence[Picture], seed: int, copied: int, *, sscd: bool) -> Task:
    """References by one vendor; hard negatives: the same concepts drawn by the other.

    New concepts by the same vendor would not be negatives: clocks, banknotes and people are one
    drawing with a part exchanged.
    """
    rng = np.random.default_rng(seed)
    by_vendor: dict[str, dict[str, Picture]] = {}
    for picture in pictures:
        vendor = picture.path.name.split("-")[1]
        by_vendor.setdefault(picture.group, {}).setdefault(vendor, picture)
    concepts = [both for _, both in sorted(by_vendor.items()) if len(both) == 2]
    concepts = [concepts[i] for i in rng.permutation(len(concepts))]
    known, unknown = concepts[:EMOJI_REFERENCES], concepts[EMOJI_REFERENCES:]
    references = [both[REFERENCE_VENDOR] for both in known]
    queries = list(_copies(sample(references, copied, rng)))
    roles: tuple[Role, Role] = ("calibration", "test")
    for i, role in enumerate(roles):
        part = slice(i * EMOJI_NEGATIVES, (i + 1) * EMOJI_NEGATIVES)
        queries += [Query(both[OTHER_VENDOR], role, CLEAN, "twin") for both in known[part]]
    left_out = sample(references, EMOJI_NEGATIVES, rng)
    queries += [Query(p, "leave-one-out", CLEAN, "emoji") for p in left_out]
    others = [both[REFERENCE_VENDOR] for both in unknown[-EMOJI_OTHERS:]]
    return Task(f"emoji-{seed}", references, queries, others, sscd)


def _copies(pictures: Sequence[Picture]) -> Iterator[Query]:
    for picture in pictures:
        for name in simulated_copies():
            yield Query(picture, "copy", name, picture.kind)


def _negatives(
    pictures: Sequence[Picture], role: Role, transforms: int, rng: np.random.Generator
) -> Iterator[Query]:
    names = list(simulated_copies())
    for picture in pictures:
        yield Query(picture, role, CLEAN, picture.kind)
        for name in rng.permutation(names)[:transforms]:
            yield Query(picture, role, str(name), picture.kind)


def sample(pictures: Sequence[Picture], count: int, rng: np.random.Generator) -> list[Picture]:
    """Up to `count` pictures, drawn at random."""
    return [pictures[i] for i in rng.permutation(len(pictures))[:count]]
