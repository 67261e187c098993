"""Does a guard hold for long: under 8 threads, a changing index, and faults?

    python -m benchmarks.soak CACHE [--minutes 60] [--only faults] [--quick]

Writes results/soak.json and soak.md. README.md has time and data.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import faiss
import numpy as np

from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.soak.accounts import compare, counts, passed_unchecked
from benchmarks.soak.calls import Answer, Callers, Moving
from benchmarks.soak.changes import Changes
from benchmarks.soak.faults import FAULTS, save_asked, suffer
from benchmarks.soak.others import Others
from benchmarks.soak.pictures import FULL, QUICK, Material, judged_alone, material
from benchmarks.soak.report import report
from benchmarks.soak.samples import Sample, Sampler, slope
from memguard import Guard, add_images

PACKAGES = ("faiss-cpu", "numpy", "opencv-python-headless", "pylance")
THREADS = 8
WARM_UP = 0.3
"""Share of the time before slopes are measured: caches fill, and every change is made once."""
FAULTS_SHARE = 0.2
"""Of the minutes, for all faults together; a process's start is not counted."""
TENTHS = 10
ROUNDS = 2
"""Of each fault."""


def main() -> None:
    options = _options()
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    logging.getLogger("memguard").setLevel(logging.CRITICAL)
    found = material(options.cache, QUICK if options.quick else FULL)
    results: Path = options.cache / "soak" if options.quick else RESULTS
    figures: dict[str, Any] = {**provenance(PACKAGES), "minutes": options.minutes}
    if options.only == "faults":
        measured = json.loads((results / "soak.json").read_text(encoding="utf-8"))
        figures = {**measured, "faults measured": figures}
    with tempfile.TemporaryDirectory(dir=options.cache) as folder:
        if options.only is None:
            seconds = 60 * options.minutes * (1 - FAULTS_SHARE)
            figures["soak"] = soak(found, Path(folder), seconds, options.seed)
            print(json.dumps(figures["soak"], indent=1), flush=True)
        images = save_asked(found.asked, Path(folder) / "images")
        rounds = 1 if options.quick else ROUNDS
        seconds = 60 * options.minutes * FAULTS_SHARE / (rounds * len(FAULTS))
        figures["faults"] = []
        for number in range(rounds):
            for fault in FAULTS:
                place = (
                    Path(folder) / f"{fault.replace(' ', '-')}-{number}"
                )  # LD_PRELOAD splits at spaces
                seed = options.seed + number
                one = suffer(fault, found.index, images, place, seconds, seed)
                print(json.dumps(one), flush=True)
                figures["faults"].append(one)
    (results / "soak.json").write_text(json.dumps(figures, indent=1) + "\n")
    (results / "soak.md").write_text(report(figures))
    print(report(figures))


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("cache", type=Path, help="keeps pictures and the index")
    arguments.add_argument("--minutes", type=float, default=60.0, help="in all, without starts")
    arguments.add_argument("--seed", type=int, default=0, help="of what is random")
    arguments.add_argument("--only", choices=("faults",), help="the soak's figures stay")
    arguments.add_argument("--quick", action="store_true", help="few pictures; shows that it runs")
    return arguments.parse_args()


def soak(found: Material, folder: Path, seconds: float, seed: int) -> dict[str, Any]:
    """Ask from many threads while the index changes and others write the same log."""
    index = Path(shutil.copytree(found.index, folder / "index.memguard"))
    add_images(found.moving, index, workers=0, calibrate=False)
    asked = judged_alone(index, found.asked, moving_are_in=True)
    log = folder / "audit.jsonl"
    guard = Guard(index, audit_log=log)
    moving = Moving("withheld")
    others = Others(log, folder / "said.txt", seed)
    started = time.monotonic()
    with (
        Sampler() as sampler,
        others,
        Changes(guard, index, found.moving, moving) as changes,
        Callers(guard, asked, moving, THREADS, seed) as callers,
    ):
        time.sleep(seconds)
    took = time.monotonic() - started
    said, missing = others.written()
    return {
        "minutes": round(took / 60, 1),
        "threads": THREADS,
        "references": len(guard.index),
        "pictures": {
            role: sum(one.role == role for one in asked) for role in ("copy", "novel", "moving")
        },
        "left out": len(found.asked) - len(asked) + found.left_out,
        "changes": dict(changes.done),
        "problems": changes.problems,
        "checks": len(callers.answers),
        "during a change": sum(one.right == "either" for one in callers.answers),
        "outcomes": counts(callers.answers),
        "errors": sorted({one.label for one in callers.answers if " " in one.label}),
        "passed unchecked": passed_unchecked(callers.answers),
        "latency": _latency(callers.answers),
        "process": _process(sampler.samples, seconds),
        "logged": asdict(compare(log, callers.answers)),
        "other writers": {"killed": others.killed, "lines": said, "lost": missing},
    }


def _latency(answers: list[Answer]) -> dict[str, float]:
    milliseconds = [one.milliseconds for one in answers]
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return {"p50": round(float(p50)), "p99": round(float(p99)), "max": round(max(milliseconds))}


def _process(samples: list[Sample], seconds: float) -> dict[str, Any]:
    """The slope after the warm-up, and the means of tenths of the whole time."""
    warm = [one for one in samples if WARM_UP * seconds <= one.seconds <= seconds]
    times = [one.seconds for one in warm]
    tenths = np.array_split([asdict(one) for one in samples], TENTHS)
    return {
        name: asdict(slope(times, [getattr(one, name) for one in warm]))
        | {"tenths": [round(float(np.mean([one[name] for one in part])), 1) for part in tenths]}
        for name in ("memory", "descriptors", "threads")
    }


if __name__ == "__main__":
    main()
