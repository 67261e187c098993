"""The figures of a guard as shipped, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.common.markdown import table
from memguard.calibration.rates import Rate

BEFORE: Mapping[str, int] = {
    "crop 30": 23,
    "stylised": 20,
    "collage": 9,
    "sketch": 1,
    "perspective": 0,
    "inverted": 0,
    "swirl": 0,
}
"""Found of 25 by memguard 0.1, as issue 12 counted them with transforms of its own; 24 or 25 of
the evasions that are not listed."""
NEW = ("keystone", "template", "template redrawn")
"""Not counted then."""
EVASION_BARS: Mapping[str, str] = {
    "perspective": "22",
    "inverted": "22",
    "collage": "20 thorough",
}
"""What issue 12 asks for, of 25 real training pictures; by default as many as `BEFORE`."""
RECALL_BARS: Mapping[str, float] = {
    "template": 85,
    "template redrawn": 85,
    "text+border": 90,
    "inset 60": 60,
    "mean": 93,
}
"""Least recall in % that the same issue asks for on other pictures with other transforms."""
LARGEST_LOSS = 2.0
"""Points of recall that series may cost, by issue 12."""


def report(figures: Mapping[str, Any]) -> str:
    """All tables.

    Args:
        figures: as JSON holds them.
    """
    parts = [_preamble(figures)]
    if sets := figures.get("sets"):
        parts.append("### Training sets without and with series\n\n" + _splits(sets))
        parts.append("### Recall in %, by kind of copy\n\n" + _recall(sets))
    if evasions := figures.get("evasions"):
        parts.append("### Evasions: photographs found, of all\n\n" + _evasions(evasions, "copy"))
        parts.append(
            "### The same done to novel pictures: blocked\n\n" + _evasions(evasions, "test")
        )
    return "\n\n".join(parts) + "\n"


def _preamble(figures: Mapping[str, Any]) -> str:
    return (
        "Indexes by `build_index(folder)` without weights and without negatives; found and blocked "
        "means the label `memorized`. A promise is kept if the blocked novel pictures neither "
        "contradict the target at 95 % nor exceed the upper bound that the calibration proved. "
        f"{figures['date']}, {figures['machine']['cpu']}, memguard "
        f"{figures['versions']['memguard']} ({figures['commit']})."
    )


def _splits(sets: Sequence[Mapping[str, Any]]) -> str:
    rows = [["split", "set", "references", "recall, %", "novel blocked", "promised", "kept", "by"]]
    for one in sets:
        novel, promise = one["novel"], one["promise"]
        rows.append(
            [
                str(one["split"]),
                one["set"],
                str(one["references"]),
                f"{100 * mean(one):.1f}",
                _rate(novel),
                f"{100 * promise['target']:g} % (proven <= {100 * promise['rate']['upper']:.2g} %)",
                "yes" if one["kept"] else "NO",
                ", ".join(f"{signal} {count}" for signal, count in one["blocked by"].items()),
            ]
        )
    for kind in _kinds(sets):
        many = _of(sets, kind)
        counts = (sum(one["novel"][part] for one in many) for part in ("count", "total"))
        rows.append(
            [
                "all",
                kind,
                "",
                f"**{100 * np.mean([mean(one) for one in many]):.1f}**",
                _rate(vars(Rate.of(*counts))),
                "",
                f"{sum(one['kept'] for one in many)} of {len(many)}",
                "",
            ]
        )
    return table(rows)


def _recall(sets: Sequence[Mapping[str, Any]]) -> str:
    kinds = _kinds(sets)
    rows = [["copies", *kinds, "bar", "difference"]]
    by_kind = {kind: _mean_recall(_of(sets, kind)) for kind in kinds}
    for name in by_kind[kinds[0]]:
        shares = [100 * by_kind[kind][name] for kind in kinds]
        cells = [f"{share:.1f}" for share in shares]
        rows.append([name, *cells, _bar(name), f"{shares[-1] - shares[0]:+.1f}"])
    means = [100 * float(np.mean(list(by_kind[kind].values()))) for kind in kinds]
    late = " MISSED" if means[0] - means[-1] > LARGEST_LOSS else ""
    difference = f"{means[-1] - means[0]:+.1f} (bar -{LARGEST_LOSS:g}){late}"
    rows.append(["**mean**", *(f"**{value:.1f}**" for value in means), _bar("mean"), difference])
    return table(rows)


def _bar(name: str) -> str:
    return f"{RECALL_BARS[name]:g}" if name in RECALL_BARS else ""


def _evasions(evasions: Mapping[str, Any], role: str) -> str:
    columns = [(name, mode) for name, modes in evasions.items() for mode in modes]
    rows = [["", *(f"{name}, {mode}" for name, mode in columns)]]
    if role == "copy":
        rows[0] += ["memguard 0.1, of 25", "bar for real ones"]
    first = evasions[columns[0][0]][columns[0][1]][role]
    for transform in first:
        cells = [evasions[name][mode][role][transform] for name, mode in columns]
        row = [transform, *(f"{blocked}/{checked}" for blocked, checked in cells)]
        if role == "copy":
            before = "" if transform in NEW else BEFORE.get(transform, "24 or 25")
            row += [str(before), EVASION_BARS.get(transform, str(before))]
        rows.append(row)
    sums = [
        np.sum(list(evasions[name][mode][role].values()), axis=0).tolist() for name, mode in columns
    ]
    rows.append(["**all**", *(f"**{blocked}/{checked}**" for blocked, checked in sums)])
    rows[-1] += [""] * (len(rows[0]) - len(rows[-1]))
    return table(rows)


def mean(one: Mapping[str, Any]) -> float:
    """A set's recall, the mean over the kinds of copies."""
    return float(np.mean(list(one["recall"].values())))


def _mean_recall(sets: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    names = sets[0]["recall"]
    return {name: float(np.mean([one["recall"][name] for one in sets])) for name in names}


def _kinds(sets: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(one["set"] for one in sets))


def _of(sets: Sequence[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [one for one in sets if one["set"] == kind]


def _rate(rate: Mapping[str, Any]) -> str:
    return f"{rate['count']}/{rate['total']} (<= {100 * rate['upper']:.1f} %)"
