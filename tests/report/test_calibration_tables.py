"""The tables of the calibration page: a column is a heading and a function of the row."""

from __future__ import annotations

import pytest
from fixtures.calibrations import PICTURE_SIGNALS, Calibrated, stored_measurements
from fixtures.html_page import Page
from msgspec.structs import replace

from memguard.report import calibration_page, calibration_tables
from memguard.report.calibration_tables import Cell, Column, recall_table, signal_table


def test_columns_of_the_signals(calibrated: Calibrated) -> None:
    table = signal_table(
        calibrated.calibration, stored_measurements(calibrated.path), PICTURE_SIGNALS
    )
    assert table.groups == [("block", 3), ("flag", 3)]
    headings = [column.heading for column in table.columns]
    assert headings == ["at or below", "negatives within", "copies within"] * 2
    rows = {row.type.name: row for row in table.rows}
    assert rows.keys() >= calibrated.calibration.thresholds.keys()
    for name, threshold in calibrated.calibration.thresholds.items():
        numbers = [column.cell(rows[name]).number for column in table.columns]
        assert (numbers[0], numbers[3]) == (threshold.memorized, threshold.similar)


def test_a_signal_without_thresholds_has_dashes(calibrated: Calibrated) -> None:
    alone = replace(calibrated.calibration, thresholds={})
    table = signal_table(alone, stored_measurements(calibrated.path), PICTURE_SIGNALS)
    assert {column.cell(row).text for column in table.columns for row in table.rows} == {"-"}


def test_recall_of_each_transform(calibrated: Calibrated) -> None:
    measured = stored_measurements(calibrated.path)
    table = recall_table(calibrated.calibration, measured)
    assert table.groups == []
    for row in table.rows:
        copies, blocked, _ = (column.cell(row) for column in table.columns)
        assert copies.text == f"{measured.transforms.count(row.name):,}"
        assert blocked.number == calibrated.calibration.memorized.recall[row.name]


def test_a_new_column_is_on_the_page(
    calibrated: Calibrated, monkeypatch: pytest.MonkeyPatch
) -> None:
    column = Column("missed", lambda row: Cell(f"{1 - row.blocked:.2f} missed"), kind="block")
    columns = [*calibration_tables.RECALL_COLUMNS, column]
    monkeypatch.setattr(calibration_tables, "RECALL_COLUMNS", columns)
    words = Page(calibration_page(calibrated.path)).words("recall")
    assert "flagged or blocked missed" in words
    assert words.count(" missed") == 1 + len(calibrated.calibration.memorized.recall)
