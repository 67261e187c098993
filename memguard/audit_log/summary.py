"""Summing up a log by day: checks, labels, actions, failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

DATE = slice(len("2026-11-25"))


@dataclass
class Day:
    """The checks of one day, or of several.

    Attributes:
        checks: how many; each attempt at an image is one.
        labels, actions: how many of each.
        would: of those not enforced, how many would not have been shown, by what would have been
            done.
        trial: labels of a second calibration that differ, as ``clear -> similar``.
        milliseconds: of the check of each call.
    """

    checks: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    actions: Counter[str] = field(default_factory=Counter)
    would: Counter[str] = field(default_factory=Counter)
    trial: Counter[str] = field(default_factory=Counter)
    milliseconds: list[float] = field(default_factory=list, repr=False)

    @property
    def failures(self) -> int:
        """Images that could not be checked."""
        return self.labels["unchecked"]

    @property
    def median_ms(self) -> float | None:
        """Of the check of a call."""
        return median(self.milliseconds) if self.milliseconds else None

    def add(self, line: Mapping[str, Any]) -> None:
        """Count a line."""
        self.checks += 1
        self.labels[line["label"]] += 1
        self.actions[line["action"]] += 1
        if line["would"] is not None:
            self.would[line["would"]] += 1
        trial = line["trial"]
        if trial is not None and trial["label"] != line["label"]:
            self.trial[f"{line['label']} -> {trial['label']}"] += 1
        if "check" in line["milliseconds"]:
            self.milliseconds.append(line["milliseconds"]["check"])

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values."""
        return {
            "checks": self.checks,
            "labels": dict(self.labels),
            "actions": dict(self.actions),
            "would": dict(self.would),
            "trial": dict(self.trial),
            "failures": self.failures,
            "median_ms": self.median_ms,
        }


def by_day(lines: Iterable[Mapping[str, Any]]) -> dict[str, Day]:
    """The days (UTC) of these lines, and what was checked on each, in the order of the lines."""
    days: dict[str, Day] = {}
    for line in lines:
        days.setdefault(line["time"][DATE], Day()).add(line)
    return days


def total(days: Iterable[Day]) -> Day:
    """All of these days together."""
    whole = Day()
    for day in days:
        whole.checks += day.checks
        whole.labels += day.labels
        whole.actions += day.actions
        whole.would += day.would
        whole.trial += day.trial
        whole.milliseconds += day.milliseconds
    return whole
