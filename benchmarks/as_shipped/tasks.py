"""The training sets of the benchmark, and the queries to each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.as_shipped.series import with_versions
from benchmarks.common.evasions import evasions
from benchmarks.common.pictures import Picture, Split, split
from benchmarks.detection.splits import CLEAN, Query, Role, Task, is_fit, sample
from memguard.vision.transforms import SIMULATED_COPIES

TEMPLATES = ("template", "template redrawn")
EVASIONS = tuple(evasions())
COPIES = (*SIMULATED_COPIES, *TEMPLATES)
"""The kinds of copies on which sets with and without series are compared."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        splits: by source picture.
        references: pictures of each training set, before versions are added.
        copied: how many of them are copied in each kind.
        novel: pictures that are not in the training set, as they are.
        evaded: photographs that are changed by each evasion.
        novel_evaded: novel photographs that are changed by each evasion.
    """

    splits: int
    references: int
    copied: int
    novel: int
    evaded: int
    novel_evaded: int


FULL = Size(splits=5, references=200, copied=8, novel=300, evaded=25, novel_evaded=10)
QUICK = Size(splits=1, references=70, copied=5, novel=80, evaded=6, novel_evaded=3)


def series_tasks(pictures: Sequence[Picture], size: Size, cache: Path) -> list[tuple[Task, Task]]:
    """For each split the same task twice: without and with series in its training set.

    Args:
        pictures: photographs and drawings are used.
        size: how much is measured.
        cache: keeps the versions.
    """
    pairs = []
    for seed in range(size.splits):
        parts = split(_natural(pictures), seed)
        rng = np.random.default_rng(seed)
        references = sample(parts.references, size.references, rng)
        held_out = sample(_held_out(parts), size.novel, rng)
        copied = [one for one in references if is_fit(Query(one, "copy", CLEAN, one.kind), [])]
        queries = [
            Query(one, "copy", kind, one.kind) for one in copied[: size.copied] for kind in COPIES
        ]
        queries += [Query(one, "test", CLEAN, one.kind) for one in held_out]
        fit = [query for query in queries if is_fit(query, references)]
        name = f"{seed}-of-{len(references)}"
        plain = Task(f"plain-{name}", references, fit, parts.others, sscd=False)
        versions = list(with_versions(references, cache / "versions"))
        pairs.append((plain, replace(plain, name=f"series-{name}", references=versions)))
    return pairs


def evasion_task(plain: Task, size: Size) -> Task:
    """The training set of a task without series, and photographs changed by every evasion."""
    novel = [query.picture for query in plain.queries if query.role == "test"]
    return replace(plain, queries=_evaded(plain.references, novel, size))


def real_evasion_task(data: Path, size: Size) -> Task:
    """The same with real training pictures, and with generations as novel and as other pictures.

    Args:
        data: the pictures of :mod:`benchmarks.real`.
        size: how much is measured.
    """
    found = {
        kind: [
            Picture(path, "photograph", path.stem.split("__")[0])
            for path in sorted((data / kind).iterdir())
        ]
        for kind in ("train", "novel")
    }
    rng = np.random.default_rng(0)
    train, generated = (sample(found[kind], len(found[kind]), rng) for kind in ("train", "novel"))
    others, novel = generated[: len(generated) // 2], generated[len(generated) // 2 :]
    return Task("real", train, _evaded(train, novel, size), others, sscd=False)


def _evaded(references: Sequence[Picture], novel: Sequence[Picture], size: Size) -> list[Query]:
    roles: Mapping[Role, list[Picture]] = {
        "copy": _of_many_sources(references)[: size.evaded],
        "test": _of_many_sources(novel)[: size.novel_evaded],
    }
    return [
        Query(one, role, kind, one.kind)
        for role, many in roles.items()
        for one in many
        for kind in EVASIONS
    ]


def _of_many_sources(pictures: Sequence[Picture]) -> list[Picture]:
    """Photographs that fill their frame before cut-out ones, and new sources before known ones."""
    seen: Counter[str] = Counter()
    ranked: list[tuple[bool, int, int, Picture]] = []
    for one in pictures:
        if one.kind == "photograph" and is_fit(Query(one, "copy", CLEAN, one.kind), []):
            is_cut_out = one.path.name.startswith("stamp-")
            ranked.append((is_cut_out, seen[one.group], len(ranked), one))
            seen[one.group] += 1
    return [one for *_, one in sorted(ranked, key=lambda entry: entry[:3])]


def _natural(pictures: Sequence[Picture]) -> list[Picture]:
    return [one for one in pictures if one.kind in ("photograph", "drawing")]


def _held_out(parts: Split) -> list[Picture]:
    return [*parts.calibration_negatives, *parts.test_negatives]
