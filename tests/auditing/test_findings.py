"""Findings: each training image once, by its clearest copy."""

from __future__ import annotations

import dataclasses
import math

from fixtures.audit_findings import small_findings, verdict

from memguard.auditing.findings import Findings
from memguard.auditing.samples import Sample


def test_each_training_image_is_extracted_once_by_its_clearest_copy() -> None:
    findings = small_findings()
    assert (findings.memorized.count, findings.memorized.total) == (3, 5)
    assert findings.similar == 1
    assert findings.within_delta == 2
    found = [(each.match.id, each.file, each.prompt, each.samples) for each in findings.extractions]
    assert found == [("x", "2.png", "b", 2), ("y", "3.png", "b", 1)]
    assert {each.duplicates for each in findings.extractions} == {7}
    assert [each.match.id for each in findings.flagged] == ["z"]
    assert (findings.noticed.count, findings.noticed.total) == (0, 2)


def test_extractions_with_a_rights_notice_are_counted() -> None:
    said = verdict("memorized")
    (match,) = said.matches
    noticed = dataclasses.replace(said, matches=(dataclasses.replace(match, rights="CC BY"),))
    found = Findings.of(
        "i.memguard", 100, None, None, [("a", Sample("1.png", "made", 1, 0), noticed)]
    )
    assert (found.noticed.count, found.noticed.total) == (1, 1)
    assert found.extractions[0].rights == "CC BY"


def test_nothing_looked_up() -> None:
    found = Findings.of("i.memguard", 100, None, None, [])
    assert found.extractions == ()
    assert (found.memorized.count, found.memorized.total) == (0, 0)
    assert math.isnan(found.memorized.share)
