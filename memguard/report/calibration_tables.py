"""The tables of the calibration page.

To add a column, add a :class:`Column` to SIGNAL_COLUMNS or RECALL_COLUMNS in this file and check
it in ``tests/report/test_calibration_tables.py``; the page renders every column that it finds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from memguard.calibration.measurements import Measurements
from memguard.calibration.rates import Rate
from memguard.calibration.result import Calibration
from memguard.report.formatting import percent, threshold_text
from memguard.signal_type import SignalType, Threshold
from memguard.verdict import Label

T = TypeVar("T")


@dataclass(frozen=True)
class Cell:
    """A cell's text, with the number that it shows where scripts should find it in the HTML."""

    text: str
    number: float | None = None


@dataclass(frozen=True)
class Column(Generic[T]):
    """A column of a table.

    Attributes:
        heading: its own heading.
        cell: makes its cell in the row of one subject.
        group: the heading above it, shared with its neighbours.
        kind: its cells' CSS class.
    """

    heading: str
    cell: Callable[[T], Cell]
    group: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Row:
    """A row: its heading, an explanation and a remark below the heading, and its cells."""

    name: str
    cells: tuple[Cell, ...]
    words: str = ""
    remark: str = ""


@dataclass(frozen=True)
class Table:
    """What the template renders."""

    columns: Sequence[Column[Any]]
    rows: Sequence[Row]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Headings above several columns, with how many; empty where no column has a group."""
        groups = [
            (name, len(list(columns)))
            for name, columns in groupby(self.columns, lambda column: column.group)
        ]
        return groups if any(name for name, _ in groups) else []


@dataclass(frozen=True)
class SignalEvidence:
    """One signal: its threshold, and the distances of negatives and of simulated copies."""

    type: SignalType
    threshold: Threshold | None
    negatives: NDArray[np.float64] | None
    copies: NDArray[np.float64] | None

    def limit(self, label: Label) -> float | None:
        value: float | None = getattr(self.threshold, label, None)
        return value


@dataclass(frozen=True)
class TransformRecall:
    """Recall of the simulated copies of one transform."""

    name: str
    copies: int
    blocked: float
    flagged: float


def _limit(label: Label) -> Callable[[SignalEvidence], Cell]:
    def cell(signal: SignalEvidence) -> Cell:
        if signal.threshold is None:
            return Cell("-")
        limit = signal.limit(label)
        return Cell(threshold_text(limit, counts_bits=signal.type.counts_bits), limit)

    return cell


def _within(
    label: Label, side: Literal["negatives", "copies"], text: Callable[[Rate], str]
) -> Callable[[SignalEvidence], Cell]:
    def cell(signal: SignalEvidence) -> Cell:
        limit, distances = signal.limit(label), getattr(signal, side)
        if limit is None or distances is None:
            return Cell("-")
        return Cell(text(Rate.of(int((distances <= limit).sum()), len(distances))))

    return cell


GROUPS: Sequence[tuple[Label, str]] = (("memorized", "block"), ("similar", "flag"))
SIGNAL_COLUMNS: Sequence[Column[SignalEvidence]] = tuple(
    column
    for label, group in GROUPS
    for column in (
        Column("at or below", _limit(label), group, kind=group),
        Column("negatives within", _within(label, "negatives", lambda r: f"{r.count:,}"), group),
        Column("copies within", _within(label, "copies", lambda r: percent(r.share)), group),
    )
)

RECALL_COLUMNS: Sequence[Column[TransformRecall]] = (
    Column("copies", lambda row: Cell(f"{row.copies:,}")),
    Column("blocked", lambda row: Cell(percent(row.blocked), row.blocked), kind="block"),
    Column("flagged or blocked", lambda row: Cell(percent(row.flagged), row.flagged), kind="flag"),
)

UNUSED = "Decides nothing: the allowed rate finds more copies in other signals."


def signal_table(
    calibration: Calibration, measured: Measurements, types: Mapping[str, SignalType]
) -> Table:
    """The thresholds of each signal, and how many images lie within each of them."""
    rows = []
    for name in dict.fromkeys([*calibration.thresholds, *measured.negatives]):
        threshold = calibration.thresholds.get(name)
        signal = SignalEvidence(
            types[name],
            threshold,
            measured.negatives.get(name),
            measured.simulated_copies.get(name),
        )
        cells = tuple(column.cell(signal) for column in SIGNAL_COLUMNS)
        rows.append(Row(name, cells, types[name].words, "" if threshold else UNUSED))
    return Table(SIGNAL_COLUMNS, rows)


def recall_table(calibration: Calibration, measured: Measurements) -> Table:
    """Which share of the simulated copies of each transform is found."""
    rows = []
    for name, blocked in calibration.memorized.recall.items():
        flagged = calibration.similar.recall.get(name, math.nan)
        recall = TransformRecall(name, measured.transforms.count(name), blocked, flagged)
        rows.append(Row(name, tuple(column.cell(recall) for column in RECALL_COLUMNS)))
    return Table(RECALL_COLUMNS, rows)
