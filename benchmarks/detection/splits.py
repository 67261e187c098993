"""What is asked of what: the indexes of the detection benchmark, and the queries to each.

A split divides pictures by source into references, calibration negatives and test negatives. A
query is one image: a reference under a transform (a *copy*), a negative as it is or under a
transform, or a reference as it is, measured as if it were not in the index (leave-one-out).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image

from benchmarks.common.pictures import Picture, split
from memguard.vision.picture import Picture as Checked
from memguard.vision.transforms import simulated_copies

CLEAN = "clean"
PROMISE_SEEDS = 5
"""Splits on which the promise of the calibration is tested."""
FEW_COPIED = 8
"""References whose copies are measured where only thresholds are to be chosen."""
TRANSFORMED = 1
"""Transforms, drawn at random, of each negative of a split that measures recall."""
DRAWN_SHARE = 0.4
"""The share of drawings among the negatives of photographs and drawings."""
EMOJI_REFERENCES, EMOJI_NEGATIVES = 300, 80
REFERENCE_VENDOR, OTHER_VENDOR = "google", "twitter"

Role = Literal["copy", "calibration", "test", "leave-one-out"]


@dataclass(frozen=True)
class Query:
    """One image to check.

    Attributes:
        picture: its source.
        role: what it is measured for.
        transform: what made it of its source, or `CLEAN`.
        kind: of the source; the other vendor's drawing of a reference is a "twin".
    """

    picture: Picture
    role: Role
    transform: str
    kind: str

    @property
    def key(self) -> str:
        return f"{self.role}|{self.transform}|{self.picture.path.name}"


@dataclass(frozen=True)
class Task:
    """One index and the queries to it.

    Attributes:
        name: of the task, and of its files in the cache.
        references: the pictures that are indexed.
        queries: to be measured, in this order.
        others: pictures into which copies are pasted and with which they are blended.
        sscd: whether there is also an index with SSCD.
    """

    name: str
    references: Sequence[Picture]
    queries: Sequence[Query]
    others: Sequence[Picture]
    sscd: bool

    def images(self, queries: Sequence[Query]) -> Iterator[Image.Image]:
        """The images of some queries; the same ones on every call."""
        transforms = simulated_copies([picture.open() for picture in self.others])
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
    emoji_sscd: bool = False,
) -> list[Task]:
    """Every task, those first that tell most.

    Args:
        pictures: of all kinds.
        seeds: splits of photographs and drawings that measure recall; further ones, and emoji,
            test the promise of the calibration.
        copied: references whose copies each of the former queries.
        novel: photographs and drawings among the negatives of each role and split.
        sscd_seeds: how many of them are also measured with SSCD, the dearest part by far.
        emoji_sscd: whether the first split of emoji is.
    """
    natural = [p for p in pictures if p.kind in ("photograph", "drawing")]
    emoji = [p for p in pictures if p.kind == "emoji"]
    chosen = []
    for seed in range(max(seeds, PROMISE_SEEDS)):
        full = seed < seeds
        count = copied if full else FEW_COPIED
        chosen.append(
            _natural(natural, seed, count, novel, full=full, sscd=full and seed < sscd_seeds)
        )
        if seed < PROMISE_SEEDS:
            chosen.append(_emoji(emoji, seed, FEW_COPIED, sscd=emoji_sscd and seed == 0))
    return chosen


def _natural(
    pictures: Sequence[Picture], seed: int, copied: int, novel: int, *, full: bool, sscd: bool
) -> Task:
    parts = split(pictures, seed)
    rng = np.random.default_rng(seed)
    queries = list(_copies(_sample(parts.references, copied, rng)))
    for role, members in (
        ("calibration", parts.calibration_negatives),
        ("test", parts.test_negatives),
    ):
        kept = _mixed(members, novel, rng)
        queries += _negatives(kept, role, TRANSFORMED if full else 0, rng)
    left_out = _mixed(parts.references, novel, rng)
    queries += [Query(p, "leave-one-out", CLEAN, p.kind) for p in left_out]
    queries = [query for query in queries if _is_fit(query, parts.references)]
    return Task(f"pictures-{seed}", parts.references, queries, parts.others, sscd=sscd)


def _is_fit(query: Query, references: Sequence[Picture]) -> bool:
    """Blank pictures have no copies, and a negative must share no part with a reference."""
    negative = query.role in ("calibration", "test")
    if negative and any(query.picture.shares_parts(reference) for reference in references):
        return False
    return not _is_blank(query.picture)


@cache
def _is_blank(picture: Picture) -> bool:
    return Checked(picture.open()).is_blank


def _mixed(pictures: Sequence[Picture], count: int, rng: np.random.Generator) -> list[Picture]:
    drawn = round(DRAWN_SHARE * count)
    return _sample([p for p in pictures if p.kind == "drawing"], drawn, rng) + _sample(
        [p for p in pictures if p.kind == "photograph"], count - drawn, rng
    )


def _emoji(pictures: Sequence[Picture], seed: int, copied: int, *, sscd: bool) -> Task:
    """References by one vendor; hard negatives: the same concepts drawn by the other.

    New concepts by the same vendor would be no negatives: clocks, banknotes and people are one
    drawing with a part exchanged.
    """
    rng = np.random.default_rng(seed)
    drawn: dict[str, dict[str, Picture]] = {}
    for picture in pictures:
        vendor = picture.path.name.split("-")[1]
        drawn.setdefault(picture.group, {}).setdefault(vendor, picture)
    concepts = [both for _, both in sorted(drawn.items()) if len(both) == 2]
    concepts = [concepts[i] for i in rng.permutation(len(concepts))]
    known, unknown = concepts[:EMOJI_REFERENCES], concepts[EMOJI_REFERENCES:]
    references = [both[REFERENCE_VENDOR] for both in known]
    queries = list(_copies(_sample(references, copied, rng)))
    roles: tuple[Role, Role] = ("calibration", "test")
    for i, role in enumerate(roles):
        part = slice(i * EMOJI_NEGATIVES, (i + 1) * EMOJI_NEGATIVES)
        queries += [Query(both[OTHER_VENDOR], role, CLEAN, "twin") for both in known[part]]
    left_out = _sample(references, EMOJI_NEGATIVES, rng)
    queries += [Query(p, "leave-one-out", CLEAN, "emoji") for p in left_out]
    others = [both[REFERENCE_VENDOR] for both in unknown[-20:]]
    return Task(f"emoji-{seed}", references, queries, others, sscd)


def _copies(pictures: Sequence[Picture]) -> Iterator[Query]:
    for picture in pictures:
        for name in simulated_copies():
            yield Query(picture, "copy", name, picture.kind)


def _negatives(
    pictures: Sequence[Picture], role: Role, transformed: int, rng: np.random.Generator
) -> Iterator[Query]:
    names = list(simulated_copies())
    for picture in pictures:
        yield Query(picture, role, CLEAN, picture.kind)
        for name in rng.permutation(names)[:transformed]:
            yield Query(picture, role, str(name), picture.kind)


def _sample(pictures: Sequence[Picture], count: int, rng: np.random.Generator) -> list[Picture]:
    return [pictures[i] for i in rng.permutation(len(pictures))[:count]]
