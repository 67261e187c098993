"""What is derived from the results of prompts: the ranking, precision, JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from fixtures.audit_findings import small_findings, verdict

from memguard.auditing.cliques import Clique
from memguard.auditing.findings import Findings
from memguard.auditing.result import Audit, PromptResult
from memguard.auditing.samples import Counts
from memguard.verdict import Verdict

NONE = Clique((), math.nan, 0.4, None)


def prompt(number: int, clique: Clique, said: Verdict | None, memorized: int) -> PromptResult:
    return PromptResult(
        prompt=f"prompt {number}",
        number=number,
        counts=Counts(9, 0, 1, 0),
        clique=clique,
        marked=clique.size >= 3,
        medoid=None,
        verdict=said,
        memorized=memorized,
    )


def audited(*prompts: PromptResult, findings: Findings | None) -> Audit:
    ranked = tuple(sorted(prompts, key=lambda each: each.suspicion))
    return Audit({"seed": 0}, 0.15, 3, Counts(9, 0, 1, 0), findings, {}, ranked)


@pytest.fixture
def findings() -> Findings:
    return small_findings()


def test_precision_along_the_ranking(findings: Findings) -> None:
    """Marked prompts go by their mean distance alone; the others by size first."""
    tight = prompt(0, Clique((0, 1, 2), 0.01, 0.01, 0), verdict("memorized"), 3)
    large = prompt(1, Clique((0, 1, 2, 3), 0.05, 0.01, 0), verdict("clear"), 0)
    wide = prompt(2, Clique((0, 1, 2), 0.1, 0.02, 0), verdict("memorized"), 1)
    pair = prompt(3, Clique((0, 1), 0.001, 0.001, 0), verdict("clear"), 1)
    none = prompt(4, NONE, None, 0)
    audit = audited(none, pair, wide, large, tight, findings=findings)
    assert [each.number for each in audit.prompts] == [0, 1, 2, 3, 4]
    assert audit.precision == pytest.approx((1, 1 / 2, 2 / 3, 2 / 4))
    assert audit.confirmed is not None
    assert audit.copied_prompts is not None
    assert (audit.marked.count, audit.confirmed.count, audit.copied_prompts.count) == (3, 2, 3)


def test_json_has_no_nan(findings: Findings) -> None:
    data: dict[str, Any] = audited(prompt(0, NONE, None, 0), findings=findings).to_json()
    text = json.dumps(data, allow_nan=False)
    assert json.loads(text) == data
    assert data["prompts"][0]["clique"]["mean_distance"] is None
    match = data["findings"]["extractions"][0]["match"]
    assert match["uri"] == "x.png"
    assert (match["copies"], match["duplicates"]) == (7, 1), "stored keys"


def test_without_an_index() -> None:
    audit = audited(prompt(0, NONE, None, 0), findings=None)
    assert (audit.precision, audit.confirmed, audit.copied_prompts) == ((), None, None)
    assert not audit.memorizes


def test_it_prints_short_and_as_a_table(findings: Findings) -> None:
    tight = prompt(0, Clique((0, 1, 2), 0.01, 0.01, 0), verdict("memorized"), 3)
    audit = audited(tight, prompt(1, NONE, None, 0), findings=findings)
    assert repr(audit).startswith("<Audit images: 9; prompts marked: 1 of 2; copies of training")
    assert len(repr(audit)) < 150
    html = audit._repr_html_()
    assert "Audit: memorizes" in html
    assert "1 of 2" in html
