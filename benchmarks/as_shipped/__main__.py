"""What does a guard find whose index a user built with one call?

    python -m benchmarks.as_shipped CACHE [--real DATA] [--only series|evasions] [--quick]

Every index is built by `build_index(folder)`, which calibrates it by leave-one-out; no negatives
are given. The same training sets are measured without and with series, 3 to 5 versions of each
picture, by copies of 17 kinds, template copies among them, and by novel pictures. Photographs are
then changed as an evader would. Writes results/as_shipped.json and .md, and the errors as pictures,
as_shipped_errors.png. README.md has time and data.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import faiss

from benchmarks.as_shipped.checks import CODE, Check, check_task, promise
from benchmarks.as_shipped.figures import evasion_figures, set_figures
from benchmarks.as_shipped.report import report
from benchmarks.as_shipped.tasks import (
    FULL,
    QUICK,
    evasion_task,
    real_evasion_task,
    series_tasks,
)
from benchmarks.common.pictures import load
from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.detection.plots import Pair, contact_sheet
from benchmarks.detection.splits import Query, Task

PACKAGES = ("faiss-cpu", "numpy", "opencv-python-headless", "scikit-image")
MODES = {"standard": False, "thorough": True}
SETS = ("without series", "with series")
REAL = "real training pictures"
MOST_PAIRS = 60
"""Pictures of each section of errors."""


def main() -> None:
    options = _options()
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    started = time.monotonic()
    size = QUICK if options.quick else FULL
    pictures = load(options.cache)
    pairs = series_tasks(pictures, size, options.cache)
    figures = {**provenance(PACKAGES), "code": CODE, "size": vars(size)}
    errors: dict[str, list[Pair]] = {}
    real_errors: dict[str, list[Pair]] = {}
    if options.only != "evasions":
        figures["sets"] = []
        for split, pair in enumerate(pairs):
            for kind, task in zip(SETS, pair, strict=True):
                checks = check_task(options.cache, task)
                promised = promise(options.cache, task)
                one = set_figures(split, kind, len(task.references), promised, checks)
                figures["sets"].append(one)
                errors |= _errors(f"{kind}, split {split}", task, checks)
    if options.only != "series":
        tasks = {"photographs": evasion_task(pairs[0][0], size)}
        if options.real is not None:
            tasks[REAL] = real_evasion_task(options.real, size)
        figures["evasions"] = {}
        for name, task in tasks.items():
            by_mode = {
                mode: check_task(options.cache, task, thorough=thorough)
                for mode, thorough in MODES.items()
            }
            figures["evasions"][name] = evasion_figures(by_mode)
            sheet = real_errors if name == REAL else errors
            sheet |= _errors(f"evasions of {name}, thorough", task, by_mode["thorough"])
    is_complete = not options.quick and options.only is None and options.real is not None
    results: Path = RESULTS if is_complete else options.cache / "as_shipped" / "partial"
    results.mkdir(parents=True, exist_ok=True)
    (results / "as_shipped.json").write_text(json.dumps(figures, indent=1) + "\n")
    text = report(figures)
    (results / "as_shipped.md").write_text(text)
    contact_sheet(errors, results / "as_shipped_errors.png")
    print(f"{text}\nErrors as pictures: {results / 'as_shipped_errors.png'}")
    if real_errors:
        sheet_path = options.cache / "as_shipped" / "real_errors.png"
        contact_sheet(real_errors, sheet_path)
        print(f"Those of real training pictures: {sheet_path}")
    print(f"{time.monotonic() - started:.0f} s")


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.as_shipped", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("cache", type=Path, help="keeps pictures, indexes and verdicts")
    arguments.add_argument("--real", type=Path, help="the pictures of benchmarks.real, changed too")
    arguments.add_argument("--only", choices=("series", "evasions"), help="one part")
    arguments.add_argument("--quick", action="store_true", help="one split, few pictures")
    return arguments.parse_args()


def _errors(name: str, task: Task, checks: Sequence[Check]) -> dict[str, list[Pair]]:
    """Missed copies and blocked novel pictures of a training set, with their references."""
    sections = {
        "missed": [one for one in checks if one.role == "copy" and not one.is_blocked],
        "novel, blocked": [one for one in checks if one.role == "test" and one.is_blocked],
    }
    return {
        f"{name}: {len(many)} {what}": list(_pairs(task, many[:MOST_PAIRS]))
        for what, many in sections.items()
        if many
    }


def _pairs(task: Task, checks: Sequence[Check]) -> Iterator[Pair]:
    queries: dict[str, Query] = {query.key: query for query in task.queries}
    references = {picture.path.name: picture for picture in task.references}
    images = task.images([queries[one.key] for one in checks])
    for one, image in zip(checks, images, strict=True):
        name = one.source if one.role == "copy" else one.nearest
        title = one.transform if one.role == "copy" else ", ".join(one.blocked_by)
        yield Pair(title, image, references[name].open())


if __name__ == "__main__":
    main()
