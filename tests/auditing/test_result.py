"""What is derived from an audit's results: precision, extractions, JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from memguard.auditing.cliques import Clique
from memguard.auditing.result import Audit, Counts, Findings, PromptResult
from memguard.auditing.run_folder import Sample
from memguard.verdict import Label, Match, Verdict

NONE = Clique((), math.nan, 0.4, None)


def verdict(label: Label, id: str = "x", score: float = 1.0, l2: float = 0.1) -> Verdict:
    match = Match(id, f"{id}.png", "as is", {"l2": l2}, exact_duplicates=7)
    return Verdict(label, score, (), (match,), "why")


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
    return Audit({"seed": 0}, 0.15, 3, Counts(9, 0, 1, 0), ranked, findings)


@pytest.fixture
def findings() -> Findings:
    return Findings.of(
        "i.memguard",
        100,
        0.001,
        [
            ("a", Sample("1.png", "made", 1, 0), verdict("memorized", "x", score=1.5)),
            ("b", Sample("2.png", "made", 2, 1), verdict("memorized", "x", score=3.0, l2=0.2)),
            ("b", Sample("3.png", "made", 3, 2), verdict("memorized", "y", score=2.0)),
            ("c", Sample("4.png", "made", 4, 3), verdict("similar", "z")),
            ("c", Sample("5.png", "made", 5, 4), Verdict("clear", 0.0)),
        ],
    )


def test_each_training_image_is_extracted_once_by_its_clearest_copy(findings: Findings) -> None:
    assert (findings.memorized.count, findings.memorized.total) == (3, 5)
    assert findings.similar == 1
    assert findings.within_delta == 2
    found = [(each.match.id, each.file, each.prompt, each.samples) for each in findings.extractions]
    assert found == [("x", "2.png", "b", 2), ("y", "3.png", "b", 1)]
    assert {each.duplicates for each in findings.extractions} == {7}
    assert (findings.noticed.count, findings.noticed.total) == (0, 2)


def test_precision_along_the_ranking(findings: Findings) -> None:
    """Marked prompts go by their mean distance, whatever the size; then by size."""
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
