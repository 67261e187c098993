"""The Markdown in results/ is what the commands write of the JSON beside it."""

from __future__ import annotations

import json

from benchmarks.common.provenance import RESULTS
from benchmarks.extraction.report import markdown_report
from benchmarks.index.report import report
from benchmarks.real.__main__ import report as report_real


def test_the_extraction_report_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "extraction.json").read_text(encoding="utf-8"))
    assert (RESULTS / "extraction.md").read_text(encoding="utf-8") == markdown_report(figures)


def test_the_index_report_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "index.json").read_text(encoding="utf-8"))
    assert (RESULTS / "index.md").read_text(encoding="utf-8") == report(figures)


def test_the_report_of_real_copies_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "real.json").read_text(encoding="utf-8"))
    assert (RESULTS / "real.md").read_text(encoding="utf-8") == report_real(figures)
