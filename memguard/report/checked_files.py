"""What a check found, file by file: as JSON, as a CSV, and as an exit status."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from memguard.verdict import Verdict

GRAVITY = ("memorized", "similar", "unreadable", "unchecked", "uninformative", "clear")
"""Labels of files, those that need a person first."""

MEMORIZED, FAILED = 3, 1
"""Exit statuses: an image is memorized; else, an image could not be checked."""

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet would run. Names and captions come from elsewhere; such a
cell gets an apostrophe (OWASP, "CSV Injection")."""


@dataclass(frozen=True)
class CheckedFile:
    """One file of a check.

    Attributes:
        name: as the user named it.
        verdict: None for a file that could not be checked.
        error: why it could not.
        sha256: of its bytes; None if there were none to read.
        copied_to: the copy of a blocked file.
    """

    name: str
    verdict: Verdict | None = None
    error: str | None = None
    sha256: str | None = None
    copied_to: str | None = None

    @property
    def label(self) -> str:
        return "unreadable" if self.verdict is None else self.verdict.label

    def to_json(self) -> dict[str, Any]:
        """The verdict's JSON under the file's name; an error where there is no verdict."""
        found = {"error": self.error} if self.verdict is None else self.verdict.to_json()
        known = {"sha256": self.sha256, "copied_to": self.copied_to}
        about = {name: value for name, value in known.items() if value is not None}
        return {"image": self.name, **found, **about}


def exit_status(files: Iterable[CheckedFile]) -> int:
    """That of the gravest file."""
    labels = {file.label for file in files}
    if "memorized" in labels:
        return MEMORIZED
    return FAILED if labels & {"unreadable", "unchecked"} else 0


def count_labels(files: Iterable[CheckedFile]) -> dict[str, int]:
    """How many files have each label that is there, the gravest first."""
    labels = [file.label for file in files]
    return {label: labels.count(label) for label in GRAVITY if label in labels}


COLUMNS = (
    "image",
    "label",
    "score",
    "signal",
    "distance",
    "threshold",
    "match",
    "match_id",
    "view",
    "exact_duplicates",
    "near_duplicates",
    "caption",
    "rights",
    "url",
    "why",
    "sha256",
    "copied_to",
)


def to_csv(files: Iterable[CheckedFile]) -> str:
    """A table of :data:`COLUMNS`, a line for each file."""
    stream = io.StringIO()
    table = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    table.writeheader()
    for file in files:
        table.writerow({name: _cell(value) for name, value in _row(file).items()})
    return stream.getvalue()


def _row(file: CheckedFile) -> dict[str, Any]:
    row: dict[str, Any] = {
        "image": file.name,
        "label": file.label,
        "sha256": file.sha256,
        "copied_to": file.copied_to,
    }
    verdict = file.verdict
    if verdict is None:
        return {**row, "why": file.error}
    row |= {"score": round(verdict.score, 4), "why": verdict.why}
    if verdict.deciding is not None:
        signal = verdict.deciding
        row |= {
            "signal": signal.name,
            "distance": round(signal.distance, 4),
            "threshold": signal.threshold,
        }
    if verdict.matches:
        match = verdict.matches[0]
        row |= {
            "match": match.uri,
            "match_id": match.id,
            "view": match.view,
            "exact_duplicates": match.exact_duplicates,
            "near_duplicates": match.near_duplicates,
            "caption": match.caption,
            "rights": match.rights,
            "url": match.url,
        }
    return row


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
