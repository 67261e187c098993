"""Results of a check as JSON, CSV and exit status."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from memguard.report.checked_files import (
    COLUMNS,
    CheckedFile,
    count_labels,
    exit_status,
    to_csv,
)
from memguard.verdict import Label, Match, Signal, Verdict

MATCH = Match("a" * 32, "/train/cat.png", "as is", {"l2": 0.1}, caption="=HYPERLINK(1)", rights="©")
COPY = Verdict("memorized", 1.5, (Signal("l2", 0.1, 0.3, 0.2),), (MATCH,), "too close")


def verdict(label: Label) -> Verdict:
    return replace(COPY, label=label)


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        (["clear", "similar", "uninformative"], 0),
        ([], 0),
        (["clear", None], 1),
        (["unchecked"], 1),
        ([None, "memorized", "clear"], 3),
    ],
)
def test_the_exit_status_is_that_of_the_gravest(labels: list[Label | None], status: int) -> None:
    files = [
        CheckedFile("x.png", error="gone") if label is None else CheckedFile("x", verdict(label))
        for label in labels
    ]
    assert exit_status(files) == status


def test_labels_are_counted_the_gravest_first() -> None:
    files = [CheckedFile("x", verdict(label)) for label in ("clear", "memorized", "clear")]
    counts = count_labels([*files, CheckedFile("x.png", error="gone")])
    assert list(counts.items()) == [("memorized", 1), ("unreadable", 1), ("clear", 2)]


def test_json_has_a_verdict_or_an_error() -> None:
    assert CheckedFile("x.png", error="gone").to_json() == {"image": "x.png", "error": "gone"}
    row = CheckedFile("x.png", COPY, sha256="ab" * 32, copied_to="blocked/x.png").to_json()
    assert (row["image"], row["copied_to"]) == ("x.png", "blocked/x.png")
    assert row["sha256"] == "ab" * 32
    assert row["matches"] == [MATCH.to_json()]
    assert "copied_to" not in CheckedFile("x.png", COPY).to_json()


def test_a_table_that_a_spreadsheet_can_open_without_harm() -> None:
    known = CheckedFile("@x.png", COPY, sha256="ab" * 32)
    text = to_csv([known, CheckedFile("y\n.png", error="gone")])
    copy, gone = csv.DictReader(io.StringIO(text, newline=""))
    assert list(copy) == list(COLUMNS)
    assert (copy["image"], copy["caption"], copy["rights"]) == ("'@x.png", "'=HYPERLINK(1)", "©")
    assert (copy["signal"], copy["distance"], copy["threshold"]) == ("l2", "0.1", "0.2")
    assert (copy["sha256"], gone["sha256"]) == ("ab" * 32, "")
    assert (gone["image"], gone["label"], gone["why"]) == ("y\n.png", "unreadable", "gone")
