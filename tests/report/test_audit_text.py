"""The sentences of an audit."""

from __future__ import annotations

import dataclasses

import pytest
from fixtures.audit_findings import small_findings, verdict

from memguard.auditing.findings import Findings
from memguard.auditing.result import Audit
from memguard.auditing.samples import Counts, Sample
from memguard.calibration.rates import Rate
from memguard.report.audit_text import between, headline


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "with 95 % confidence the true share is below 25.9 %"),
        (10, "with 95 % confidence the true share is above 74.1 %"),
        (5, "with 90 % confidence the true share is between 22.2 % and 77.8 %"),
    ],
)
def test_where_the_true_share_lies(count: int, said: str) -> None:
    assert between(Rate.of(count, 10)).replace("\N{NO-BREAK SPACE}", " ") == said


def said(findings: Findings) -> str:
    audit = Audit({"seed": 0}, 0.15, 3, Counts(5, 0, 0, 0), findings, {}, ())
    return " ".join(headline(audit)).replace("\N{NO-BREAK SPACE}", " ")


def looked_up(findings: Findings, *labels: str) -> Findings:
    """The same index, on images with these labels."""
    rows = [
        ("a", Sample(f"{i}.png", "made", i, 0), verdict(label, f"reference {i}"))  # type: ignore[arg-type]
        for i, label in enumerate(labels)
    ]
    return Findings.of(findings.index, findings.references, None, findings.recall, rows)


def test_pairs_are_named_only_where_there_are_some() -> None:
    unproven = dataclasses.replace(small_findings(), false_rate=None)
    assert "was not proven: judge by the report's pairs, or calibrate it" in said(unproven)
    assert "1 image came close enough to be flagged as similar; judge" in said(unproven)
    nothing = said(looked_up(unproven, "clear", "clear"))
    assert "No copy was found: none of 2 images copies a training image." in nothing
    assert "pairs" not in nothing
    flagged = said(looked_up(unproven, "clear", "similar"))
    assert (
        "1 image came close enough to be flagged as similar; judge them by the report's" in flagged
    )


def test_nothing_found_says_what_may_have_been_missed() -> None:
    measured = looked_up(small_findings(), "clear")
    assert "recognises 90 % of simulated copies as memorized" in said(measured)
    never = dataclasses.replace(measured, recall=None)
    assert "was not measured: `memguard calibrate i.memguard`" in said(never)
    assert "simulated" not in said(small_findings()), "copies were found: other things matter"
