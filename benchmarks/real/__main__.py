"""Which copies that real models made are blocked, and which novel generations?

python -m benchmarks.real DATA CACHE [--sscd] [--clip MODEL:WEIGHTS]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.common.markdown import table
from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.detection.plots import Pair, contact_sheet
from benchmarks.real.cases import Case, read_cases
from benchmarks.real.measure import observe
from benchmarks.real.observation import Observation, by_case, closest
from benchmarks.real.score import ALLOWED_SHARES, SINGLE_SIGNALS, Score, score, single_signal

PACKAGES = ("numpy", "opencv-python-headless", "faiss-cpu", "pillow", "pdqhash")
CELL_PX, COLUMNS = 176, 3
"""Of the errors as pictures."""
BARS: Mapping[str, Mapping[str, float]] = {
    "memguard, as shipped": {"copies": 0.97, "template": 0.8},
    "memguard + SSCD, as shipped": {"copies": 1, "template": 0.95},
}
"""Least recall that issue 12 asks for."""
MOST_NOVEL = 1
"""Novel images that these rules may block, by the same issue."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").splitlines()[0], prog="python -m benchmarks.real"
    )
    parser.add_argument("data", type=Path, help="the pictures; see benchmarks.real.rebuild")
    parser.add_argument("cache", type=Path, help="keeps indexes and observations")
    parser.add_argument("--sscd", action="store_true", help="measure SSCD too (slow)")
    parser.add_argument("--clip", help="measure CLIP too: its model and weights, as for a build")
    arguments = parser.parse_args()
    cases = read_cases(arguments.data)
    settings: dict[str, tuple[dict[str, str], bool]] = {}
    for name, weights in (
        ("memguard", {}),
        ("memguard + SSCD", {"sscd": "installed"} if arguments.sscd else None),
        ("memguard + CLIP", {"clip": arguments.clip} if arguments.clip else None),
    ):
        if weights is not None:
            settings[name] = (weights, False)
            settings[f"{name} thorough"] = (weights, True)
    measured: dict[str, Mapping[str, Observation]] = {}
    for name, (weights, thorough) in settings.items():
        found = observe(cases, arguments.data, arguments.cache, weights, thorough=thorough)
        measured[name] = by_case(found)
        print(f"{name}: {len(found)} cases measured")
    standard = [measured[name] for name, (_, thorough) in settings.items() if not thorough]
    scores = _scores(cases, measured, closest(standard))
    counts = {
        kind: sum(case.kind == kind for case in cases) for kind in ("copies", "template", "novel")
    }
    references = len(list((arguments.data / "train").iterdir()))
    summary = {
        **provenance(PACKAGES),
        "references": references,
        "cases": counts,
        "scores": [dataclasses.asdict(one) for one in scores],
    }
    RESULTS.joinpath("real.json").write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
    text = report(summary)
    RESULTS.joinpath("real.md").write_text(text, "utf-8")
    sheet = arguments.cache / "real_errors.png"
    contact_sheet(_errors(arguments.data, scores, measured), sheet, CELL_PX, COLUMNS)
    print(f"{text}\nMisses and false blocks as pictures: {sheet}")


def _scores(
    cases: Sequence[Case],
    measured: Mapping[str, Mapping[str, Observation]],
    distances: Mapping[str, Mapping[str, float]],
) -> list[Score]:
    scores = []
    for name, observations in measured.items():
        labels = {
            "as shipped": {case: one.shipped for case, one in observations.items()},
            "default thresholds": {case: one.default for case, one in observations.items()},
        }
        for how, label in labels.items():
            blocked = {case: label[case] == "memorized" for case in label}
            scores.append(score(f"{name}, {how}", cases, blocked))
    known = {signal for one in distances.values() for signal in one}
    return scores + [
        single_signal(signal, share, cases, distances)
        for share in ALLOWED_SHARES
        for signal in SINGLE_SIGNALS
        if signal in known
    ]


def report(summary: Mapping[str, Any]) -> str:
    """The table of all rules, of the figures as JSON holds them."""
    rows: list[list[object]] = [["rule", "copies", "templates", "novel blocked", "threshold"]]
    for one in summary["scores"]:
        bars, novel = BARS.get(one["rule"], {}), one["novel"]
        cells = []
        for kind in ("copies", "template"):
            share = one["recall"][kind]
            bar = f" (bar {100 * bars[kind]:.0f} %)" if kind in bars else ""
            late = " MISSED" if share < bars.get(kind, 0) else ""
            cells.append(f"{100 * share:.0f} %{bar}{late}")
        late = " MISSED" if bars and novel["count"] > MOST_NOVEL else ""
        cells.append(f"{novel['count']}/{novel['total']} (<= {100 * novel['upper']:.1f} %){late}")
        threshold = "" if one["threshold"] is None else f"{one['threshold']:.3g}"
        rows.append([one["rule"], *cells, threshold])
    return (
        f"Recall averaged over references; {summary['references']} references, cases "
        f"{summary['cases']}. A single signal's threshold is as loose as 0 or 1 % of the novel "
        f"images permit, chosen on these very cases. {summary['date']}, {summary['commit']}.\n\n"
        f"{table(rows)}\n"
    )


def _errors(
    data: Path,
    scores: Sequence[Score],
    measured: Mapping[str, Mapping[str, Observation]],
) -> dict[str, list[Pair]]:
    """Missed copies and false blocks of the rules as shipped, as pictures."""
    sections = {}
    for name, observations in measured.items():
        (one,) = (one for one in scores if one.rule == f"{name}, as shipped")
        for what, cases in (("missed", one.missed), ("novel, blocked", one.false)):
            sections[f"{one.rule}: {len(cases)} {what}"] = [
                Pair(case, _open(data / case), _reference(data, case, observations[case].first))
                for case in cases
            ]
    return sections


def _reference(data: Path, case: str, first: str) -> Image.Image:
    """The reference that a missed case copies, or that a novel one is said to copy."""
    kind, file = case.split("/")
    if kind == "novel":
        return _open(data / "train" / first)
    (found, *_) = sorted((data / "train").glob(f"{file.split('__')[0]}.*"))
    return _open(found)


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


if __name__ == "__main__":
    main()
