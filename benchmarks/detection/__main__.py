"""Which signals find which copies, and at what false-positive rate? Does calibration keep its word?

    python -m benchmarks.detection CACHE [--seeds 2] [--sscd-seeds 2] [--emoji-sscd]

References, calibration negatives and test negatives are different source pictures. memguard's own
`Detector` measures every query against a real index of the references (`measure`); the distances
stay in the cache, so that rules can be scored again (`score`) without measuring again. Thresholds
come from the calibration negatives, memguard's by `quantiles.choose`, those of its rivals as
loose as the negatives allow; recall is measured on transformed references, the false-positive rate
on the test negatives. Writes `results/detection.json` and `.md`, the plot `detection.png`, and the
misses as pictures, `detection_misses.png`.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import faiss

from benchmarks.common.markdown import table as markdown
from benchmarks.common.pictures import load
from benchmarks.common.provenance import RESULTS, commit, processor_name, provenance
from benchmarks.detection.measure import SOURCE, Row, folder_of, measured, sscd
from benchmarks.detection.plots import Pair, contact_sheet, plot_recall
from benchmarks.detection.score import (
    MEMGUARD,
    RULES,
    SINGLE_SIGNALS,
    TARGETS,
    Promise,
    Rows,
    Rule,
    Score,
    columns,
    defaults,
    halves,
    kept,
    leave_one_out,
    of,
    promises,
    score,
)
from benchmarks.detection.splits import CLEAN, Query, Task, tasks
from benchmarks.detection.timing import milliseconds
from memguard import __version__
from memguard.calibration.quantiles import choose, flagged
from memguard.descriptors import weightless_descriptors
from memguard.index.open import open_index
from memguard.vision.transforms import SIMULATED_COPIES

PACKAGES = ("faiss-cpu", "opencv-python-headless", "ImageHash", "onnxruntime", "numpy", "pdqhash")
SETS: Mapping[str, tuple[str, ...]] = {
    "photographs and drawings": ("photograph", "drawing"),
    "photographs": ("photograph",),
    "emoji": ("emoji", "twin"),
}
KINDS: Mapping[str, tuple[str, ...]] = {
    "photographs": ("photograph",),
    "drawings": ("drawing",),
    "emoji": ("emoji", "twin"),
}
LEAVE_ONE_OUT_RATES = (0.03, 0.05, 0.1)
TIMED_IMAGES = 12
MOST_PAIRS = 36
"""Pictures of each section of the contact sheet."""
WITHOUT_WEIGHTS = tuple(rule for rule in RULES if "sscd" not in rule.detector)
NOISY = ("noise 25", "noise 60", "diffusion-like")
PLOTTED = ("pHash 256", "PDQ", "SSCD", "memguard", "memguard thorough", "memguard + SSCD")
BARS = {
    "memguard": {"photographs": 68, "photographs and drawings": 66},
    "memguard thorough": {"photographs": 75, "photographs and drawings": 72},
    "memguard + SSCD": {"photographs": 88, "photographs and drawings": 84},
    "memguard + SSCD thorough": {"photographs": 94, "photographs and drawings": 90},
}
"""Recall in %, the mean over the transforms at FPR 0.1 %, that issue 3 asks for."""

SHOWN: Mapping[float | str, str] = {
    0.001: "by thresholds chosen for FPR 0.1 %",
    0.01: "by thresholds chosen for FPR 1 %",
    "library memorized": "as the library calibrates `memorized` with so few negatives",
    "default memorized": "by the default thresholds of `memorized`",
    "default similar": "by the default thresholds of `similar`",
}

Splits = Mapping[str, Rows]


def main() -> None:
    arguments = argparse.ArgumentParser(
        prog="python -m benchmarks.detection", description=(__doc__ or "").splitlines()[0]
    )
    arguments.add_argument("cache", type=Path)
    arguments.add_argument("--seeds", type=int, default=2, help="splits that measure recall")
    arguments.add_argument("--sscd-seeds", type=int, default=2, help="of them also with SSCD")
    arguments.add_argument("--emoji-sscd", action="store_true", help="SSCD on emoji too")
    arguments.add_argument("--copied", type=int, default=20, help="references copied per split")
    arguments.add_argument("--novel", type=int, default=100, help="negatives per role and split")
    options = arguments.parse_args()
    cv2.setNumThreads(0)
    faiss.omp_set_num_threads(1)
    started = time.monotonic()
    planned = tasks(
        load(options.cache),
        options.seeds,
        options.copied,
        options.novel,
        options.sscd_seeds,
        options.emoji_sscd,
    )
    splits = {task.name: measured(options.cache, task) for task in planned}

    scores: dict[str, list[Score]] = {}
    for name in SETS:
        scores[name] = list(scored(splits, name, RULES))
        scores[f"{name}, without weights"] = list(scored(splits, name, WITHOUT_WEIGHTS))
    scores = {name: many for name, many in scores.items() if many}
    promised = list(promised_and_kept(splits))
    left_out = list(left_out_and_held_out(splits))
    times = timed(options.cache, planned[0])
    summary = {
        **provenance(PACKAGES),
        "measuring source": SOURCE,
        "pictures": {task.name: counts(task, splits[task.name]) for task in planned},
        "seeds": options.seeds,
        "scores": {name: [as_json(one) for one in many] for name, many in scores.items()},
        "promises": [
            {**plain(one), "kept": one.is_kept, "contradicted": one.contradicted}
            for one in promised
        ],
        "leave-one-out": left_out,
        "milliseconds": times,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "detection.json").write_text(json.dumps(summary, indent=1) + "\n")
    text = preamble(planned, splits, options.seeds) + report(scores, promised, left_out, times)
    (RESULTS / "detection.md").write_text(text)
    print(text)
    best = {one.rule: one for one in scores["photographs and drawings"] if one.target == 0.001}
    plot_recall(
        {name: best[name] for name in PLOTTED},
        RESULTS / "detection.png",
        "Copies of photographs and drawings found, by thresholds chosen for FPR 0.1 %",
    )
    contact_sheet(misses(planned, splits), RESULTS / "detection_misses.png")
    print(f"\n{time.monotonic() - started:.0f} s")


# ---- figures ----


def scored(splits: Splits, name: str, rules: Sequence[Rule]) -> Iterable[Score]:
    """Rules on one set of pictures, at every target and with the library's defaults.

    All are scored on the same splits: those that measured what each of the rules needs.
    """
    prefix = "emoji" if name == "emoji" else "pictures"
    needed = {rule.detector for rule in rules}
    chosen = [
        rows
        for task, rows in splits.items()
        if task.startswith(prefix) and needed <= set(rows[0].distances) and has_recall(task, rows)
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


def has_recall(task: str, rows: Rows) -> bool:
    """Whether a split was made to measure recall: its negatives are transformed too, or emoji."""
    return task.startswith("emoji") or any(row.transform != CLEAN for row in of(rows, "test"))


def restricted(splits: Iterable[Rows], kinds: Sequence[str]) -> list[Rows]:
    return [[row for row in rows if row.kind in kinds] for rows in splits]


def promised_and_kept(splits: Splits) -> Iterable[Promise]:
    for kind, kinds in KINDS.items():
        for name, rows in splits.items():
            if name.startswith("emoji") == (kind == "emoji"):
                (part,) = restricted([rows], kinds)
                for rule in MEMGUARD[:2]:
                    yield from promises(kind, int(name.split("-")[1]), part, rule)


def left_out_and_held_out(splits: Splits) -> Iterable[dict[str, Any]]:
    for kind, kinds in KINDS.items():
        prefix = "emoji" if kind == "emoji" else "pictures"
        chosen = [rows for name, rows in splits.items() if name.startswith(prefix)]
        for rate in LEAVE_ONE_OUT_RATES:
            yield {"kind": kind} | leave_one_out(restricted(chosen, kinds), MEMGUARD[0], rate)


def timed(cache: Path, task: Task) -> dict[str, dict[str, float]]:
    queries = [query for query in task.queries if query.role == "test"][:TIMED_IMAGES]
    images = list(task.images(queries))
    folder = folder_of(cache, task)
    found = {}
    for suffix, descriptors in (
        ("", weightless_descriptors()),
        (" + sscd", [*weightless_descriptors(), sscd()]),
    ):
        index = open_index(folder / f"index{suffix.replace(' ', '')}.memguard")
        for thorough in (False, True):
            name = ("thorough" if thorough else "standard") + suffix
            found[name] = milliseconds(index, descriptors, images, thorough)
    return found


def counts(task: Task, rows: Rows) -> dict[str, Any]:
    roles = ("copy", "calibration", "test", "leave-one-out")
    return {
        "references": len(task.references),
        "queries": {role: len(of(rows, role)) for role in roles},
        "source pictures": {role: len({row.source for row in of(rows, role)}) for role in roles},
        "sscd": task.sscd,
    }


# ---- JSON and Markdown ----


def as_json(one: Score) -> dict[str, Any]:
    return {
        **vars(one),
        "mean": round(one.mean, 4),
        "images": vars(one.images),
        "sources": vars(one.sources),
        "recall": {name: round(value, 4) for name, value in one.recall.items()},
    }


def plain(one: Promise) -> dict[str, Any]:
    return {**vars(one), "promised": vars(one.promised), "observed": vars(one.observed)}


def preamble(planned: Sequence[Task], splits: Splits, seeds: int) -> str:
    full = [
        task
        for task in planned
        if task.name.startswith("pictures") and has_recall(task.name, splits[task.name])
    ]
    sscd_splits = sum(task.sscd for task in full)
    rows = [row for task in full for row in splits[task.name]]
    copied = sum(len({row.source for row in of(splits[task.name], "copy")}) for task in full)
    sources = [len({(row.source) for row in of(rows, role)}) for role in ("calibration", "test")]
    images = [len(of(rows, role)) for role in ("calibration", "test")]
    return (
        f"Photographs and drawings: {seeds} splits by source ({sscd_splits} with SSCD; tables "
        f"that show SSCD use only those), {copied} references under each "
        f"transform, {images[0]} calibration negatives ({sources[0]} pictures, as they are and "
        f"transformed), {images[1]} test negatives ({sources[1]} pictures). Every signal sees the "
        "query and its mirror image. *False* counts test negatives flagged, by image and by source "
        "picture, with the upper Clopper-Pearson bound at 95 %; so few negatives prove no rate of "
        "0.1 %, and where the count says more, the rate is more. "
        f"{date.today().isoformat()}, {processor_name()}, memguard {__version__} ({commit()}).\n\n"
    )


def report(
    scores: Mapping[str, Sequence[Score]],
    promised: Sequence[Promise],
    left_out: Sequence[Mapping[str, Any]],
    times: Mapping[str, Mapping[str, float]],
) -> str:
    parts = []
    for name, many in scores.items():
        for target, shown in SHOWN.items():
            wanted = [one for one in many if one.target == target]
            parts.append(f"### {name.capitalize()}, recall in % {shown}\n\n{table(wanted)}")
    parts.append("### The bars\n\n" + bars(scores))
    parts.append("### What calibration promised, and what came\n\n" + promise_table(promised))
    parts.append("### Leave-one-out against held-out negatives\n\n" + left_out_table(left_out))
    parts.append("### Milliseconds of one core per query\n\n" + time_table(times))
    return "\n\n".join(parts) + "\n"


def table(scores: Sequence[Score]) -> str:
    head = ["", *SIMULATED_COPIES, "**mean**", "false, images", "false, pictures"]
    rows: list[list[str]] = [head]
    for one in scores:
        recall = [f"{100 * value:.0f}" for value in one.recall.values()]
        rates = [
            f"{rate.count}/{rate.total} (<= {100 * rate.upper:.1f} %)"
            for rate in (one.images, one.sources)
        ]
        rows.append([one.rule, *recall, f"**{100 * one.mean:.1f}**", *rates])
    return markdown(rows)


def bars(scores: Mapping[str, Sequence[Score]]) -> str:
    rows = [["rule", "pictures", "bar", "mean", "noise 25 / 60 / diffusion-like (bar 98)"]]
    rows[0].append("more than 1 point below the best single signal (of its kind) on")
    for name in ("photographs", "photographs and drawings"):
        for rule, wanted in BARS.items():
            table = name if "SSCD" in rule else f"{name}, without weights"
            found = {one.rule: one for one in scores.get(table, ()) if one.target == 0.001}
            if rule not in found:
                continue
            one = found[rule]
            singles = rivals(rule)
            below = []
            for transform, value in one.recall.items():
                best = max(singles, key=lambda single: found[single].recall[transform])
                gap = 100 * (found[best].recall[transform] - value)
                if gap > 1:
                    below.append(f"{transform} -{gap:.0f} ({best})")
            noisy = " / ".join(f"{100 * one.recall[transform]:.0f}" for transform in NOISY)
            bar = wanted[name]
            verdict = "" if 100 * one.mean >= bar else " MISSED"
            mean = f"{100 * one.mean:.1f}{verdict}"
            rows.append([rule, name, str(bar), mean, noisy, ", ".join(below) or "none"])
    return markdown(rows)


def rivals(rule: str) -> list[str]:
    """The single signals that need no more than a rule has."""
    return [
        single.name for single in SINGLE_SIGNALS if "SSCD" in rule or single.detector == "standard"
    ]


def promise_table(promised: Sequence[Promise]) -> str:
    rows = [["kind", "rule", "target", "splits kept", "promised, by split", "observed, by split"]]
    groups: dict[tuple[str, str, bool], list[Promise]] = {}
    for one in promised:
        groups.setdefault((one.kind, one.detector, one.target <= 0.001), []).append(one)
    for (kind, rule, by_default), many in groups.items():
        target = "default thresholds" if by_default else f"3/n = {100 * many[0].target:.1f} %"
        rows.append(
            [
                kind,
                rule,
                target,
                f"{sum(one.is_kept for one in many)} of {len(many)}",
                ", ".join(f"{100 * one.promised.upper:.1f} %" for one in many),
                ", ".join(f"{one.observed.count}/{one.observed.total}" for one in many),
            ]
        )
    return markdown(rows)


def left_out_table(left_out: Sequence[Mapping[str, Any]]) -> str:
    rows = [["kind", "target", "false by leave-one-out", "false by held-out negatives", "factor"]]
    rows[0].append("recall by leave-one-out / by held-out, %")
    for one in left_out:
        shares = [one[name] for name in ("leave-one-out", "held-out")]
        cells = [f"{share['count']}/{share['total']}" for share in shares]
        rows.append([one["kind"], f"{100 * one['target']:g} %", *cells, str(one["factor"])])
        rows[-1].append(" / ".join(f"{100 * value:.1f}" for value in one["recall"].values()))
    return markdown(rows)


def time_table(times: Mapping[str, Mapping[str, float]]) -> str:
    steps = list(dict.fromkeys(step for one in times.values() for step in one))
    steps = [*(step for step in steps if step != "total"), "total"]
    rows = [["", *steps]]
    rows += [[name, *(str(one.get(step, "")) for step in steps)] for name, one in times.items()]
    return markdown(rows)


# ---- misses as pictures ----


def misses(planned: Sequence[Task], splits: Splits) -> dict[str, list[Pair]]:
    """Copies that memguard misses at FPR 0.1 %, and negatives that it flags."""
    sections: dict[str, list[Pair]] = {}
    for rule, default in ((MEMGUARD[1], False), (MEMGUARD[3], False), (MEMGUARD[3], True)):
        missed: list[Pair] = []
        false: list[Pair] = []
        for task in planned:
            if not set(splits[task.name][0].distances) >= {rule.detector}:
                continue
            rows = splits[task.name]
            kinds = set(SETS["emoji" if task.name.startswith("emoji") else "photographs"])
            kinds |= set() if task.name.startswith("emoji") else {"drawing"}
            (rows,) = restricted([rows], sorted(kinds))
            if not default:
                missed += pairs(task, missed_copies(rows, rule), rule)
            false += pairs(task, false_positives(rows, rule, default), rule)
        how = "by the default thresholds" if default else "by thresholds for FPR 0.1 %"
        if not default:
            sections[f"{rule.name}: {len(missed)} copies missed {how}"] = missed[:MOST_PAIRS]
        sections[f"{rule.name}: {len(false)} novel images flagged {how}"] = false[:MOST_PAIRS]
    return sections


def missed_copies(rows: Rows, rule: Rule) -> list[Row]:
    copies = of(rows, "copy")
    here, half = columns(copies, rule), halves(copies)
    negatives = columns(kept(rows, rule), rule)
    found = [False] * len(copies)
    for side in (0, 1):
        part = {name: values[half != side] for name, values in here.items()}
        hits = flagged(here, choose(negatives, part, 0.001))
        found = [old or (hit and own == side) for old, hit, own in zip(found, hits, half)]
    return [row for row, hit in zip(copies, found) if not hit]


def false_positives(rows: Rows, rule: Rule, default: bool) -> list[Row]:
    tests = of(rows, "test")
    if default:
        limits = defaults("memorized", rule)
    else:
        copies = columns(of(rows, "copy"), rule)
        limits = choose(columns(kept(rows, rule), rule), copies, 0.001)
    return [row for row, hit in zip(tests, flagged(columns(tests, rule), limits)) if hit]


def pairs(task: Task, rows: Sequence[Row], rule: Rule) -> list[Pair]:
    queries: dict[str, Query] = {query.key: query for query in task.queries}
    references = {picture.path.name: picture for picture in task.references}
    found = []
    chosen = [queries[row.key] for row in rows]
    for row, image in zip(rows, task.images(chosen), strict=True):
        name = row.source if row.role == "copy" else row.nearest[rule.detector]
        found.append(Pair(f"{row.transform}", image, references[name].open()))
    return found


if __name__ == "__main__":
    main()
