"""The tables of the calibration page.

To add a column, add a :class:`Column` to SIGNAL_COLUMNS or RECALL_COLUMNS in this file and check
it in ``tests/report/test_calibration_tables.py``; the page renders every column that it finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from memguard.calibration.measurements import Measurements
from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration
from memguard.report.formatting import percent, threshold_text
from memguard.signal_type import SignalType, Threshold
from memguard.verdict import Label

R = TypeVar("R")


@dataclass(frozen=True)
class Cell:
    """A cell's text, and the number behind it, which the page holds for scripts."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column of a table.

    Attributes:
        heading: its own heading.
        cell: makes its cell of a row.
        group: the heading above it, shared with its neighbours.
        kind: its cells' CSS class.
    """

    heading: str
    cell: Callable[[R], Cell]
    group: str = ""
    kind: str = ""

    @property
    def label(self) -> str:
        """What a narrow screen, where rows are stacked, writes before each cell."""
        return f"{self.group}: {self.heading}" if self.group else self.heading


@dataclass(frozen=True)
class Table(Generic[R]):
    """What the template renders."""

    columns: Sequence[Column[R]]
    rows: Sequence[R]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Each group's heading and number of columns."""
        by_group = groupby(self.columns, lambda column: column.group)
        return [(name, len(list(columns))) for name, columns in by_group if name]


@dataclass(frozen=True)
class SignalRow:
    """One signal: its thresholds, and the distances of negatives and of simulated copies."""

    type: SignalType
    threshold: Threshold | None
    negatives: NDArray[np.float64] | None
    copies: NDArray[np.float64] | None

    def limit(self, label: Label) -> float | None:
        value: float | None = getattr(self.threshold, label, None)
        return value


@dataclass(frozen=True)
class RecallRow:
    """Recall of the simulated copies of one transform."""

    name: str
    copies: int
    blocked: float
    flagged: float


def _limit(label: Label) -> Callable[[SignalRow], Cell]:
    def cell(row: SignalRow) -> Cell:
        if row.threshold is None:
            return Cell("-")
        limit = row.limit(label)
        return Cell(threshold_text(limit, counts_bits=row.type.counts_bits), limit)

    return cell


def _within(
    label: Label, side: Literal["negatives", "copies"], text: Callable[[Rate], str]
) -> Callable[[SignalRow], Cell]:
    def cell(row: SignalRow) -> Cell:
        limit, distances = row.limit(label), getattr(row, side)
        if limit is None or distances is None:
            return Cell("-")
        return Cell(text(Rate.of(int((distances <= limit).sum()), len(distances))))

    return cell


GROUPS: Sequence[tuple[Label, str]] = (("memorized", "block"), ("similar", "flag"))
SIGNAL_COLUMNS: Sequence[Column[SignalRow]] = tuple(
    column
    for label, group in GROUPS
    for column in (
        Column("at or below", _limit(label), group, kind=group),
        Column("negatives within", _within(label, "negatives", lambda r: f"{r.count:,}"), group),
        Column("copies within", _within(label, "copies", lambda r: percent(r.share)), group),
    )
)

RECALL_COLUMNS: Sequence[Column[RecallRow]] = (
    Column("copies", lambda row: Cell(f"{row.copies:,}")),
    Column("blocked", lambda row: Cell(percent(row.blocked), row.blocked), kind="block"),
    Column("flagged or blocked", lambda row: Cell(percent(row.flagged), row.flagged), kind="flag"),
)


def signal_table(
    calibration: Calibration, measured: Measurements, types: Mapping[str, SignalType]
) -> Table[SignalRow]:
    """The thresholds of each signal, and how many images lie within each of them."""
    rows = [
        SignalRow(
            types[name],
            calibration.thresholds.get(name),
            measured.negatives.get(name),
            measured.simulated_copies.get(name),
        )
        for name in dict.fromkeys([*calibration.thresholds, *measured.negatives])
    ]
    return Table(SIGNAL_COLUMNS, rows)


def recall_table(calibration: Calibration, measured: Measurements) -> Table[RecallRow]:
    """The share of the simulated copies of each transform that is found."""
    flagged = calibration.similar.recall
    rows = [
        RecallRow(name, measured.transforms.count(name), blocked, flagged.get(name, math.nan))
        for name, blocked in calibration.memorized.recall.items()
    ]
    return Table(RECALL_COLUMNS, rows)
