"""Which rule should choose the thresholds of an index whose user gives no negatives?

    python -m benchmarks.leave_one_out CACHE [--real DATA]

Compares the candidates on training sets without series, with series, of drawings that are all
alike (emoji) and of real training pictures: the block threshold that each chooses from the training
set alone, the copies found with it and the novel pictures blocked. Indexes and verdicts are those
of `benchmarks.as_shipped` with the same CACHE. Writes results/leave_one_out.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import faiss
import numpy as np

from benchmarks.as_shipped.checks import CODE, Check, check_task, task_folder
from benchmarks.as_shipped.tasks import FULL, series_tasks
from benchmarks.common.markdown import table
from benchmarks.common.pictures import Picture, load
from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.detection.splits import CLEAN, Query, Task, tasks
from benchmarks.leave_one_out.measure import left_out_pairs, mosaic_distances
from benchmarks.leave_one_out.rules import BLOCK, CANDIDATES, SIGNAL, by_nearest, nearest
from memguard.calibration.rates import Rate

PACKAGES = ("faiss-cpu", "numpy", "opencv-python-headless")
SPLITS = 2
"""Of photographs and drawings."""


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.leave_one_out", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("cache", type=Path, help="that of benchmarks.as_shipped")
    arguments.add_argument("--real", type=Path, help="the pictures of benchmarks.real")
    options = arguments.parse_args()
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    sets = {
        task.name: compared(options.cache, task) for task in _tasks(options.cache, options.real)
    }
    figures = {**provenance(PACKAGES), "code": CODE, "sets": sets}
    (RESULTS / "leave_one_out.json").write_text(json.dumps(figures, indent=1) + "\n")
    text = report(figures)
    (RESULTS / "leave_one_out.md").write_text(text)
    print(text)


def compared(cache: Path, task: Task) -> dict[str, Any]:
    """Every candidate on one training set."""
    checks = check_task(cache, task)
    index = task_folder(cache, task) / "index.memguard"
    pairs = left_out_pairs(index)
    limits = {"the default": BLOCK}
    limits |= {name: choose(nearest(keep(pairs))) for name, (keep, choose) in CANDIDATES.items()}
    limits["the nearest few of recombined pictures"] = by_nearest(
        mosaic_distances(index, task.references)
    )
    return {
        "references": len(task.references),
        "candidates": {name: _outcome(checks, limit) for name, limit in limits.items()},
    }


def _outcome(checks: Sequence[Check], limit: float) -> dict[str, Any]:
    found: dict[str, list[bool]] = {}
    novel: list[bool] = []
    for one in checks:
        blocked = one.distances.get(SIGNAL.name, np.inf) <= limit
        if one.role == "copy":
            found.setdefault(one.transform, []).append(blocked)
        elif one.role != "leave-one-out":
            novel.append(blocked)
    return {
        "threshold": round(limit, 2) if np.isfinite(limit) else None,
        "recall": round(float(np.mean([np.mean(hits) for hits in found.values()])), 4),
        "novel": vars(Rate.of(sum(novel), len(novel))),
    }


def _tasks(cache: Path, real: Path | None) -> list[Task]:
    pictures = load(cache)
    chosen = [task for pair in series_tasks(pictures, FULL, cache)[:SPLITS] for task in pair]
    emoji = tasks(pictures, seeds=0, copied=0, novel=0, sscd_seeds=0, promise_seeds=1)[-1]
    chosen.append(emoji)
    if real is not None:
        chosen.append(_real(real))
    return chosen


def _real(data: Path) -> Task:
    """Real training pictures; their copies and template copies, and novel generations."""

    def pictures(kind: str) -> list[Picture]:
        return [Picture(path, "photograph", path.stem) for path in sorted((data / kind).iterdir())]

    queries = [Query(one, "test", CLEAN, one.kind) for one in pictures("novel")]
    queries += [
        Query(one, "copy", CLEAN, one.kind)
        for kind in ("copies", "template")
        for one in pictures(kind)
    ]
    return Task("real-generations", pictures("train"), queries, [], sscd=False)


def report(figures: dict[str, Any]) -> str:
    """The table: a row for each candidate, three cells for each training set."""
    sets = figures["sets"]
    header = ["rule"]
    for name, one in sets.items():
        header += [f"{name} ({one['references']}): threshold", "recall, %", "novel blocked"]
    rows = [header]
    for candidate in next(iter(sets.values()))["candidates"]:
        row = [candidate]
        for one in sets.values():
            outcome = one["candidates"][candidate]
            limit, novel = outcome["threshold"], outcome["novel"]
            row += [
                "none" if limit is None else f"{limit:g}",
                f"{100 * outcome['recall']:.1f}",
                f"{novel['count']}/{novel['total']}",
            ]
        rows.append(row)
    return (
        "The block threshold of `copy_evidence` that each rule chooses from a training set alone, "
        "and what it finds and blocks. The weakest threshold that any rule may choose is the "
        f"default, {BLOCK:g}. {figures['date']}, {figures['machine']['cpu']}, memguard "
        f"{figures['versions']['memguard']} ({figures['commit']}).\n\n" + table(rows) + "\n"
    )


if __name__ == "__main__":
    main()
