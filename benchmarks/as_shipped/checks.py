"""Verdicts of a guard on an index that was built with one call, kept in the cache."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.common.cache_key import code_key
from benchmarks.detection.splits import Query, Task
from memguard import build_index, open_index
from memguard.calibration.load import calibrated_detector
from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration
from memguard.verdict import Verdict

CODE = code_key("lifecycle.py")
"""The key of the memguard that measures, as it was when this module was imported."""
BATCH_QUERIES = 8


@dataclass(frozen=True)
class Check:
    """The verdict on one query.

    Attributes:
        key: of its query.
        role, transform, source: see :class:`benchmarks.detection.splits.Query`; the source is a
            file name.
        label: of the verdict.
        blocked_by: signals that reached their block threshold.
        distances: signal to the smallest distance of any candidate.
        nearest: file name of the first match, or empty.
    """

    key: str
    role: str
    transform: str
    source: str
    label: str
    blocked_by: list[str]
    distances: dict[str, float]
    nearest: str

    @property
    def is_blocked(self) -> bool:
        return self.label == "memorized"


@dataclass(frozen=True)
class Promise:
    """What the calibration of an index promises of `memorized`.

    Attributes:
        target: the rate asked for.
        negatives: novel pictures, or stand-ins for them, that it measured.
        rate: false positives among them.
        thresholds: signal to block threshold.
    """

    target: float
    negatives: int
    rate: Rate
    thresholds: dict[str, float]


def check_task(
    cache: Path, task: Task, *, thorough: bool = False, say: Callable[[str], None] = print
) -> list[Check]:
    """One check for each query, in order; only those not in the cache are made."""
    folder = task_folder(cache, task)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("thorough.jsonl" if thorough else "standard.jsonl")
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    known = {one.key: one for one in (Check(**json.loads(line)) for line in lines)}
    missing = [query for query in task.queries if query.key not in known]
    if missing:
        index = build_as_shipped(task, folder, say)
        started = time.monotonic()
        with file.open("a", encoding="utf-8") as stream:
            for one in _checks(task, missing, index, thorough=thorough):
                known[one.key] = one
                stream.write(json.dumps(asdict(one)) + "\n")
        say(f"{task.name}, {file.stem}: {len(missing)} checks in {_seconds_since(started)}")
    return [known[query.key] for query in task.queries]


def task_folder(cache: Path, task: Task) -> Path:
    """The folder of a training set, its index and its checks; other code has its own."""
    return cache / "as_shipped" / CODE / task.name


def build_as_shipped(task: Task, folder: Path, say: Callable[[str], None] = print) -> Path:
    """The index of a task's references, as `build_index` leaves it; built if it is missing.

    CLIP is not among its descriptors: its weights are not at hand here.
    """
    index = folder / "index.memguard"
    if not (index / "calibration.json").exists():
        pictures = folder / "pictures"
        pictures.mkdir(exist_ok=True)
        for picture in task.references:
            link = pictures / picture.path.name
            if not link.exists():
                os.symlink(picture.path.resolve(), link)
        started = time.monotonic()
        build_index(pictures, index, weights={}, workers=0)
        say(f"{task.name}: {len(task.references)} references in {_seconds_since(started)}")
    return index


def promise(cache: Path, task: Task) -> Promise:
    """What the calibration of a built index promises.

    Raises:
        ValueError: the index has none.
    """
    calibration = Calibration.of(open_index(task_folder(cache, task) / "index.memguard"))
    if calibration is None:
        raise ValueError(f"the index of {task.name} has no calibration")
    point = calibration.memorized
    return Promise(
        point.target,
        calibration.negatives,
        point.observed,
        {
            signal: round(threshold.memorized, 4)
            for signal, threshold in calibration.thresholds.items()
            if threshold.memorized is not None
        },
    )


def _checks(
    task: Task, queries: Sequence[Query], index: Path, *, thorough: bool
) -> Iterator[Check]:
    detector = calibrated_detector(open_index(index), thorough=thorough)
    for start in range(0, len(queries), BATCH_QUERIES):
        batch = queries[start : start + BATCH_QUERIES]
        for query, verdict in zip(batch, detector.detect(list(task.images(batch))), strict=True):
            yield _check(query, verdict)


def _check(query: Query, verdict: Verdict) -> Check:
    return Check(
        key=query.key,
        role=query.role,
        transform=query.transform,
        source=query.picture.path.name,
        label=verdict.label,
        blocked_by=[one.name for one in verdict.signals if one.label == "memorized"],
        distances={one.name: round(one.distance, 4) for one in verdict.signals},
        nearest=Path(verdict.matches[0].uri).name if verdict.matches else "",
    )


def _seconds_since(started: float) -> str:
    return f"{time.monotonic() - started:.0f} s"
