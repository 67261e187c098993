"""A check of many images as one HTML page: each blocked or flagged image next to its match."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memguard.index import Index
from memguard.report.checked_files import CheckedFile
from memguard.report.finding import finding
from memguard.report.formatting import region_text
from memguard.report.pages import picture_uri, render
from memguard.report.provenance import provenance
from memguard.vision.decode import decode

MOST_PAIRS = 500
"""Pairs that are shown, the gravest first; about 20 KB each."""

MOST_NAMED = 200
"""Files without a verdict that are named."""


def check_page(files: Sequence[CheckedFile], index: Index, command: str) -> str:
    """The page, as HTML.

    Args:
        files: what was checked, in the user's order.
        index: what they were checked against.
        command: how to repeat the check.

    Raises:
        ConfigurationError: the extra ``report`` is not installed.
    """
    flagged = sorted(
        (file for file in files if file.label in ("memorized", "similar")),
        key=lambda file: -file.verdict.score if file.verdict else 0,
    )
    failed = [file for file in files if file.label in ("unreadable", "unchecked")]
    shown = flagged[:MOST_PAIRS]
    groups = {
        "memorized": [_pair(file) for file in shown if file.label == "memorized"],
        "similar": [_pair(file) for file in shown if file.label == "similar"],
    }
    return render(
        "check.html.j2",
        name=Path(index.name).name,
        files=len(files),
        counts={label: sum(file.label == label for file in files) for label in groups},
        passed=len(files) - len(flagged) - len(failed),
        failed=[
            (file.name, file.error or (file.verdict.why if file.verdict else ""))
            for file in failed[:MOST_NAMED]
        ],
        all_failed=len(failed),
        groups=groups,
        more=len(flagged) - len(shown),
        provenance=provenance(index, command),
    )


def _pair(file: CheckedFile) -> dict[str, Any]:
    """A flagged file and the reference that its verdict names."""
    assert file.verdict is not None  # noqa: S101
    verdict = file.verdict
    match = verdict.matches[0] if verdict.matches else None
    return {
        "name": file.name,
        "picture": _uri(verdict.thumbnail),
        "why": verdict.why,
        "score": verdict.score,
        "sha256": file.sha256,
        "copied_to": file.copied_to,
        "match": match,
        "finding": finding(verdict) if match and match.region else None,
        "seen_again": region_text(match.region) if match and match.region else None,
        "match_picture": _uri(match.thumbnail) if match else None,
    }


def _uri(thumbnail: bytes | None) -> str | None:
    return picture_uri(decode(thumbnail)[0]) if thumbnail else None
