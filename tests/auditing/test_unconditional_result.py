"""What is derived from the results of a model without prompts."""

from __future__ import annotations

import json

from fixtures.audit_findings import small_findings, verdict

from memguard.auditing.findings import Findings
from memguard.auditing.samples import Counts
from memguard.auditing.unconditional_result import Eidetic, Group, UnconditionalAudit
from memguard.calibration.rates import Rate
from memguard.verdict import Verdict

EIDETIC = Eidetic(4, (0.5, 2.0), Rate.of(1, 2), 1, 0.15, "tiled_l2", {1: 0, 5: 1})


def audited(*said: Verdict | None, findings: Findings | None) -> UnconditionalAudit:
    groups = tuple(
        Group((f"{i}0.png", f"{i}1.png"), 0.1, f"{i}0.png", verdict)
        for i, verdict in enumerate(said)
    )
    eidetic = None if findings is None else EIDETIC
    counts = Counts(9, 0, 1, 0)
    return UnconditionalAudit({"seed": 0}, 0.15, 2, counts, findings, {}, groups, eidetic)


def test_groups_are_confirmed_by_the_index() -> None:
    audit = audited(verdict("memorized"), verdict("similar"), findings=small_findings())
    assert audit.confirmed is not None
    assert (audit.confirmed.count, audit.confirmed.total) == (1, 2)
    assert audit.memorizes


def test_without_an_index_groups_are_what_is_found() -> None:
    assert audited(None, findings=None).confirmed is None
    assert audited(None, findings=None).memorizes
    assert not audited(findings=None).memorizes


def test_json() -> None:
    data = audited(verdict("memorized"), findings=small_findings()).to_json()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["kind"] == "unconditional"
    assert data["eidetic"]["counts"] == {"1": 0, "5": 1}
    assert data["confirmed"]["count"] == 1


def test_it_prints_short_and_as_a_table() -> None:
    audit = audited(findings=None)
    assert repr(audit) == "<UnconditionalAudit images: 9; groups of images alike: 0>"
    assert "no memorization found" in audit._repr_html_()
