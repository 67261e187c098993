"""The figures as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.common.markdown import table

UNITS = {"memory": "memory, MiB", "descriptors": "open files", "threads": "threads"}


def report(figures: Mapping[str, Any]) -> str:
    """The whole report."""
    soak, machine = figures["soak"], figures["machine"]
    logged, others, latency = soak["logged"], soak["other writers"], soak["latency"]
    changes = ", ".join(f"{count} {name}" for name, count in sorted(soak["changes"].items()))
    parts = [
        "# Soak",
        f"{soak['checks']:,} checks in {soak['minutes']:g} minutes from {soak['threads']} threads, "
        f"index of {soak['references']} references, {changes} meanwhile. "
        f"{soak['left out']} images were left out, whose verdict is another one when nothing else "
        "goes on.",
        f"{figures['date']}, {machine['cpu']}, {machine['cores']} cores shared with other work "
        f"(load {machine['load']:g}), memguard {figures['versions']['memguard']} "
        f"({figures['commit']}).",
        "## What became of the images",
        _outcomes(soak["outcomes"]),
        f"*Wrong*: a copy that was shown, or a checked novel picture that was withheld. "
        f"{soak['during a change']} checks of moving references ran while the index changed: "
        f"either answer is right. Shown unchecked: {soak['passed unchecked']}. "
        f"Calls that raised: {'; '.join(soak['errors']) or 'none'}. "
        f"Changes that failed: {'; '.join(soak['problems']) or 'none'}.",
        f"A check took {latency['p50']} ms in the median, {latency['p99']} ms at the 99th "
        f"percentile, {latency['max']} ms at most.",
        "## What the process held",
        _process(soak["process"]),
        "After the warm-up, the first 30 % of the time. Growth is the slope of a line through the "
        "means of ten equal blocks, with its 95 % interval; flat if the interval holds 0.",
        "## The audit log",
        f"{logged['lines']:,} lines for {soak['checks']:,} checks; "
        f"{logged['lost'] + logged['unrecorded']} missing, {logged['differing']} that say "
        f"something else than what was done. `memguard log verify`: "
        f"{'; '.join(logged['findings']) or 'nothing to report'}. {others['killed']} other "
        f"processes that wrote the same log were killed; of {others['lines']:,} lines that they "
        f"said were written, {others['lost']} are missing.",
        "## Faults",
        _faults(figures["faults"]),
        *_measured_again(figures),
        "Each in a process of its own. *Killed*: SIGKILL at a random moment. *Full disk*: the log "
        "lies on a tmpfs that is filled and freed again. *Truncated*: a random file of the open "
        "index is cut in place between two checks, later replaced. *Failing calls*: reads, writes "
        "and syncs of the index and the log fail with EIO, by a preloaded library. *Memory*: "
        "RLIMIT_AS is set to what is in use and up to 4 MiB more. *Lost*: pictures that were "
        "shown and are not in the log. *Kept back*: novel pictures that were withheld, "
        "unchecked or unrecorded ones.",
    ]
    return "\n\n".join(parts) + "\n"


def _measured_again(figures: Mapping[str, Any]) -> list[str]:
    if (again := figures.get("faults measured")) is None:
        return []
    return [f"Measured by themselves ({again['commit']}, load {again['machine']['load']:g})."]


def _outcomes(outcomes: Mapping[str, Mapping[str, int]]) -> str:
    rows: list[list[Any]] = [["images", "asked", "withheld", "shown", "unchecked", "wrong"]]
    names = {"copy": "copies", "novel": "novel pictures"}
    rows += [
        [names.get(role, f"copies of {role}"), *one.values()] for role, one in outcomes.items()
    ]
    return table(rows)


def _process(process: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [["", "tenths of the time", "growth in an hour", "flat"]]
    for name, one in process.items():
        growth = f"{one['an_hour']:+.1f} ({one['low']:+.1f} to {one['high']:+.1f})"
        flat = "yes" if one["is_flat"] else "falls" if one["high"] < 0 else "NO"
        tenths = " ".join(f"{value:.0f}" for value in one["tenths"])
        rows.append([UNITS[name], tenths, growth, flat])
    return table(rows)


def _faults(faults: list[Mapping[str, Any]]) -> str:
    head = (
        "fault|times|checks meanwhile|copies shown|shown unchecked|lost|kept back|after it: wrong"
    )
    rows: list[list[Any]] = [[*head.split("|"), "log verifies", "ended"]]
    for one in faults:
        during, after, logged = one["during"], one["after"], one["logged"]
        rows.append(
            [
                one["fault"],
                one["injected"],
                sum(role["asked"] for role in during.values()),
                during.get("copy", {}).get("shown", 0) + after.get("copy", {}).get("shown", 0),
                one["passed unchecked"],
                logged["lost"],
                during.get("novel", {}).get("withheld", 0),
                sum(role["wrong"] + role["unchecked"] for role in after.values()) if after else "",
                "yes" if not logged["findings"] else "; ".join(logged["findings"]),
                {0: "by itself", -9: "killed"}.get(one["status"], f"status {one['status']}"),
            ]
        )
    return table(rows)
