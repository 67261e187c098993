"""Which copies that real models made are blocked, and which novel generations?

python -m benchmarks.real DATA CACHE [--sscd]
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from benchmarks.common.markdown import table
from benchmarks.common.provenance import RESULTS, provenance
from benchmarks.detection.plots import Pair, contact_sheet
from benchmarks.real.cases import Case, read_cases
from benchmarks.real.measure import observe
from benchmarks.real.observation import Observation, by_case
from benchmarks.real.score import ALLOWED_SHARES, SINGLE_SIGNALS, Score, score, single_signal

PACKAGES = ("numpy", "opencv-python-headless", "faiss-cpu", "pillow", "pdqhash")
SETTINGS: Mapping[str, tuple[bool, bool]] = {
    "memguard": (False, False),
    "memguard thorough": (False, True),
    "memguard + SSCD": (True, False),
    "memguard + SSCD thorough": (True, True),
}
"""Name to: with SSCD, thorough."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="the pictures; see benchmarks.real.rebuild")
    parser.add_argument("cache", type=Path)
    parser.add_argument("--sscd", action="store_true", help="measure SSCD too (slow)")
    arguments = parser.parse_args()
    cases = read_cases(arguments.data)
    settings = {name: on for name, on in SETTINGS.items() if arguments.sscd or not on[0]}
    measured: dict[str, Mapping[str, Observation]] = {}
    for name, (sscd, thorough) in settings.items():
        found = observe(cases, arguments.data, arguments.cache, sscd=sscd, thorough=thorough)
        measured[name] = by_case(found)
        print(f"{name}: {len(found)} cases measured")
    scores = _scores(cases, measured)
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
    text = _report(summary, scores)
    RESULTS.joinpath("real.md").write_text(text, "utf-8")
    sheet = arguments.cache / "real_errors.png"
    contact_sheet(_errors(arguments.data, scores, measured), sheet)
    print(f"{text}\nMisses and false blocks as pictures: {sheet}")


def _scores(
    cases: Sequence[Case], measured: Mapping[str, Mapping[str, Observation]]
) -> list[Score]:
    scores = []
    for name, observations in measured.items():
        scores += [
            score(
                f"{name}, as shipped", cases, observations, lambda one: one.shipped == "memorized"
            ),
            score(
                f"{name}, default thresholds",
                cases,
                observations,
                lambda one: one.default == "memorized",
            ),
        ]
    richest = list(measured.values())[2 if len(measured) > 2 else 0]
    known = {signal for one in richest.values() for signal in one.distances}
    return scores + [
        single_signal(signal, share, cases, richest)
        for share in ALLOWED_SHARES
        for signal in SINGLE_SIGNALS
        if signal in known
    ]


def _report(summary: Mapping[str, object], scores: Sequence[Score]) -> str:
    rows: list[list[object]] = [["rule", "copies", "templates", "novel blocked", "threshold"]]
    for one in scores:
        rows.append(
            [
                one.rule,
                *(f"{100 * one.recall[kind]:.0f} %" for kind in ("copies", "template")),
                f"{one.novel.count}/{one.novel.total} (<= {100 * one.novel.upper:.1f} %)",
                "" if one.threshold is None else f"{one.threshold:.3g}",
            ]
        )
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
    for name in measured:
        (one,) = (one for one in scores if one.rule == f"{name}, as shipped")
        for what, cases in (("missed", one.missed), ("novel, blocked", one.false)):
            sections[f"{one.rule}: {len(cases)} {what}"] = [
                Pair(case.split("/")[1], _open(data / case), _reference(data, case, measured[name]))
                for case in cases
            ]
    return sections


def _reference(data: Path, case: str, observations: Mapping[str, Observation]) -> Image.Image:
    """The reference that a missed case copies, or that a novel one seems to."""
    kind, file = case.split("/")
    name = file.split("__")[0]
    if kind == "novel":
        name = observations[case].nearest["aligned_structure"]
    found = sorted((data / "train").glob(f"{name}*"))
    return _open(found[0]) if found else Image.new("RGB", (64, 64), "white")


def _open(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


if __name__ == "__main__":
    main()
