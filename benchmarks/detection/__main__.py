"""Which signals find which copies, and at what false-positive rate? Does calibration keep its word?

    python -m benchmarks.detection CACHE [--seeds 2] [--sscd-seeds 2] [--emoji-sscd] [--quick]

References, calibration negatives and test negatives come from different source pictures
(`splits`). memguard's own detector measures every query against a real index of the references
(`measure`); the distances stay in the cache, so that rules can be scored again without measuring
again (`score`). memguard's thresholds are chosen from the calibration negatives as the library does
it; those of its rivals are as loose as the negatives allow. Recall is measured on simulated copies,
the false-positive rate on the test negatives. Writes results/detection.json and .md, the plot
detection.png, and the misses as pictures, detection_misses.png. README.md has time and data.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import faiss

from benchmarks.common.pictures import load
from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.cost.parts import cost_of
from benchmarks.detection.measure import CODE, index_path, load_sscd, measure_task, task_folder
from benchmarks.detection.misses import misses
from benchmarks.detection.observation import Observations, with_role
from benchmarks.detection.plots import contact_sheet, plot_recall
from benchmarks.detection.promise import Promise, leave_one_out, promises
from benchmarks.detection.report import report
from benchmarks.detection.score import MEMGUARD, RULES, TARGETS, Rule, Score, score
from benchmarks.detection.splits import CLEAN, PROMISE_SEEDS, Task, tasks
from memguard.descriptors import weightless_descriptors
from memguard.detection.detector import Detector
from memguard.index.open import open_index

PACKAGES = ("faiss-cpu", "opencv-python-headless", "ImageHash", "onnxruntime", "numpy", "pdqhash")
SETS: Mapping[str, tuple[str, ...]] = {
    "photographs and drawings": ("photograph", "drawing"),
    "photographs": ("photograph",),
    "emoji": ("emoji", "twin"),
}
"""Sets of pictures with tables of their own to the kinds of their pictures."""
KINDS: Mapping[str, tuple[str, ...]] = {
    "photographs": ("photograph",),
    "drawings": ("drawing",),
    "emoji": ("emoji", "twin"),
}
"""The same for the promise of the calibration."""
LEAVE_ONE_OUT_RATES = (0.03, 0.05, 0.1)
TIMED_IMAGES = 12
WEIGHTLESS_RULES = tuple(rule for rule in RULES if "sscd" not in rule.detector)
PLOTTED = ("pHash 256", "PDQ", "SSCD", "memguard", "memguard thorough", "memguard + SSCD")

Splits = Mapping[str, Observations]
"""Task name to its observations."""


def main() -> None:
    options = _options()
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    started = time.monotonic()
    planned = tasks(
        load(options.cache),
        options.seeds,
        options.copied,
        options.novel,
        options.sscd_seeds,
        options.promise_seeds,
        options.emoji_sscd,
    )
    splits = {task.name: measure_task(options.cache, task) for task in planned}

    scores: dict[str, list[Score]] = {}
    for name in SETS:
        scores[name] = list(scores_of(splits, name, RULES))
        scores[f"{name}, without weights"] = list(scores_of(splits, name, WEIGHTLESS_RULES))
    scores = {name: many for name, many in scores.items() if many}
    promised = list(all_promises(splits))
    summary = {
        **provenance(PACKAGES),
        "code": CODE,
        "pictures": {task.name: counts(task, splits[task.name]) for task in planned},
        "seeds": options.seeds,
        "splits that measure recall": counts_of_full_splits(planned, splits),
        "scores": {name: [score_as_json(one) for one in many] for name, many in scores.items()},
        "promises": [promise_as_json(one) for one in promised],
        "leave-one-out": list(leave_one_out_by_kind(splits)),
        "milliseconds": times(options.cache, planned[0]),
    }
    results: Path = options.cache / "quick" if options.quick else RESULTS
    results.mkdir(parents=True, exist_ok=True)
    (results / "detection.json").write_text(json.dumps(summary, indent=1) + "\n")
    text = report(summary, scores, promised)
    (results / "detection.md").write_text(text)
    print(text)
    shown = scores.get(
        "photographs and drawings", scores["photographs and drawings, without weights"]
    )
    at_target = {one.rule: one for one in shown if one.target == 0.001}
    plot_recall(
        {name: at_target[name] for name in PLOTTED if name in at_target},
        results / "detection.png",
        "Copies of photographs and drawings found, by thresholds chosen for FPR 0.1 %",
    )
    kinds = {
        task.name: SETS["emoji" if is_emoji(task.name) else "photographs and drawings"]
        for task in planned
    }
    contact_sheet(misses(planned, splits, kinds), results / "detection_misses.png")
    print(f"\n{time.monotonic() - started:.0f} s")


def _options() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.detection", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("cache", type=Path, help="keeps pictures, indexes and distances")
    arguments.add_argument("--seeds", type=int, default=2, help="splits that measure recall")
    arguments.add_argument("--sscd-seeds", type=int, default=2, help="how many of them with SSCD")
    arguments.add_argument("--emoji-sscd", action="store_true", help="SSCD on emoji too")
    arguments.add_argument("--copied", type=int, default=20, help="copied references per split")
    arguments.add_argument("--novel", type=int, default=100, help="negatives per role and split")
    arguments.add_argument(
        "--quick",
        action="store_true",
        help="one split, 4 copied references, 40 negatives, no SSCD; results go to CACHE/quick",
    )
    options = arguments.parse_args()
    options.promise_seeds = PROMISE_SEEDS
    if options.quick:
        options.seeds = options.promise_seeds = 1
        options.sscd_seeds, options.emoji_sscd = 0, False
        options.copied, options.novel = 4, 40
    return options


# ---- figures ----


def scores_of(splits: Splits, name: str, rules: Sequence[Rule]) -> Iterator[Score]:
    """Rules on one set of pictures, at every target and with the library's own thresholds.

    All are scored on the same splits: those that measured what each of the rules needs.
    """
    needed = {rule.detector for rule in rules}
    chosen = [
        observations
        for task, observations in splits.items()
        if is_emoji(task) == (name == "emoji")
        and needed <= set(observations[0].distances)
        and measures_recall(task, observations)
    ]
    chosen = restricted(chosen, SETS[name])
    if not chosen:
        return
    for rule in rules:
        for target in TARGETS:
            yield score(chosen, rule, target)
        if rule in MEMGUARD:
            for target in TARGETS:
                yield score(chosen, rule, target, "default")
                yield score(chosen, rule, target, "library")


def is_emoji(task: str) -> bool:
    """Whether a task has emoji, not photographs and drawings."""
    return task.startswith("emoji")


def measures_recall(task: str, observations: Observations) -> bool:
    """Whether a split was made to measure recall: emoji, or with transformed negatives."""
    tests = with_role(observations, "test")
    return is_emoji(task) or any(one.transform != CLEAN for one in tests)


def restricted(splits: Iterable[Observations], kinds: Sequence[str]) -> list[Observations]:
    """The observations of some kinds of pictures."""
    return [[one for one in observations if one.kind in kinds] for observations in splits]


def all_promises(splits: Splits) -> Iterator[Promise]:
    """For every kind of picture and every split, without weights."""
    for kind, kinds in KINDS.items():
        for name, observations in splits.items():
            if is_emoji(name) == (kind == "emoji"):
                (part,) = restricted([observations], kinds)
                for rule in MEMGUARD[:2]:
                    yield from promises(kind, int(name.split("-")[1]), part, rule)


def leave_one_out_by_kind(splits: Splits) -> Iterator[dict[str, Any]]:
    """Leave-one-out against held-out negatives, for every kind of picture."""
    for kind, kinds in KINDS.items():
        chosen = [many for name, many in splits.items() if is_emoji(name) == (kind == "emoji")]
        for rate in LEAVE_ONE_OUT_RATES:
            yield {"kind": kind} | leave_one_out(restricted(chosen, kinds), MEMGUARD[0], rate)


def times(cache: Path, task: Task) -> dict[str, dict[str, float]]:
    """Milliseconds of each part of a check, by detector, on the first test negatives of a task."""
    queries = [query for query in task.queries if query.role == "test"][:TIMED_IMAGES]
    images = list(task.images(queries))
    descriptors = {"": weightless_descriptors()}
    if task.sscd:
        descriptors[" + sscd"] = [*weightless_descriptors(), load_sscd()]
    found = {}
    for suffix, used in descriptors.items():
        index = index_path(task_folder(cache, task), sscd=bool(suffix))
        for mode in ("standard", "thorough"):
            detector = Detector(open_index(index), used, thorough=mode == "thorough")
            cost = cost_of(detector, images)
            found[mode + suffix] = cost.parts | {"total": cost.total}
    return found


# ---- JSON ----


def counts(task: Task, observations: Observations) -> dict[str, Any]:
    """How many pictures and queries a task has."""
    roles = ("copy", "calibration", "test", "leave-one-out")
    by_role = {role: with_role(observations, role) for role in roles}
    return {
        "references": len(task.references),
        "queries": {role: len(many) for role, many in by_role.items()},
        "source pictures": {
            role: len({one.source for one in many}) for role, many in by_role.items()
        },
        "sscd": task.sscd,
    }


def counts_of_full_splits(planned: Sequence[Task], splits: Splits) -> dict[str, Any]:
    """How many there are in all splits of photographs and drawings that measure recall."""
    full = [
        task
        for task in planned
        if not is_emoji(task.name) and measures_recall(task.name, splits[task.name])
    ]
    found: dict[str, Any] = {
        "splits": len(full),
        "with SSCD": sum(task.sscd for task in full),
        "copied references": sum(
            len({one.source for one in with_role(splits[task.name], "copy")}) for task in full
        ),
    }
    for role in ("calibration", "test"):
        many = [one for task in full for one in with_role(splits[task.name], role)]
        found[role] = {"images": len(many), "sources": len({one.source for one in many})}
    return found


def score_as_json(one: Score) -> dict[str, Any]:
    return {
        **vars(one),
        "mean": round(one.mean, 4),
        "images": vars(one.images),
        "sources": vars(one.sources),
        "recall": {name: round(value, 4) for name, value in one.recall.items()},
    }


def promise_as_json(one: Promise) -> dict[str, Any]:
    return {
        **vars(one),
        "promised": vars(one.promised),
        "observed": vars(one.observed),
        "kept": one.is_kept,
        "contradicted": one.is_contradicted,
    }


if __name__ == "__main__":
    main()
