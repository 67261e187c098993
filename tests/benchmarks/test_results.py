"""The Markdown in results/ is what the commands write of the JSON beside it."""

from __future__ import annotations

import json

from benchmarks.as_shipped.report import report as report_as_shipped
from benchmarks.common.provenance import RESULTS
from benchmarks.extraction.report import markdown_report
from benchmarks.index.report import report
from benchmarks.leave_one_out.__main__ import report as report_leave_one_out
from benchmarks.real.__main__ import report as report_real
from benchmarks.sampling.report import markdown_report as report_sampling
from benchmarks.soak.report import report as report_soak


def test_the_extraction_report_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "extraction.json").read_text(encoding="utf-8"))
    assert (RESULTS / "extraction.md").read_text(encoding="utf-8") == markdown_report(figures)


def test_the_index_report_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "index.json").read_text(encoding="utf-8"))
    assert (RESULTS / "index.md").read_text(encoding="utf-8") == report(figures)


def test_the_report_of_real_copies_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "real.json").read_text(encoding="utf-8"))
    assert (RESULTS / "real.md").read_text(encoding="utf-8") == report_real(figures)


def test_the_report_as_shipped_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "as_shipped.json").read_text(encoding="utf-8"))
    assert (RESULTS / "as_shipped.md").read_text(encoding="utf-8") == report_as_shipped(figures)


def test_the_report_of_leave_one_out_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "leave_one_out.json").read_text(encoding="utf-8"))
    text = (RESULTS / "leave_one_out.md").read_text(encoding="utf-8")
    assert text == report_leave_one_out(figures)


def test_the_report_of_the_soak_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "soak.json").read_text(encoding="utf-8"))
    assert (RESULTS / "soak.md").read_text(encoding="utf-8") == report_soak(figures)


def test_the_sampling_report_is_of_its_figures() -> None:
    figures = json.loads((RESULTS / "sampling.json").read_text(encoding="utf-8"))
    assert (RESULTS / "sampling.md").read_text(encoding="utf-8") == report_sampling(figures)
