"""Markdown tables."""

from __future__ import annotations

from benchmarks.common.markdown import table


def test_the_first_row_is_the_header() -> None:
    assert table([["rule", "recall"], ["PDQ", 0.5]]) == (
        "| rule | recall |\n|---|---|\n| PDQ | 0.5 |"
    )
