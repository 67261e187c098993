"""What the results of both audits have in common: what they say, and how they print."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fixtures.audit_findings import small_findings

from memguard.auditing.audit_result import AuditResult
from memguard.auditing.findings import Findings
from memguard.auditing.samples import Counts
from memguard.calibration.rates import Rate


class Small(AuditResult):
    """As little as a result needs."""

    kind = "small"
    repeats = True  # type: ignore[assignment]
    repeated = ("images again and again", "4 of 9")  # type: ignore[assignment]
    derived: dict[str, Any] = {"four": 4}  # type: ignore[assignment]  # noqa: RUF012
    confirmed: Rate | None = None  # type: ignore[assignment]


def small(findings: Findings | None) -> Small:
    return Small({"seed": 0}, 0.15, 3, Counts(9, 0, 1, 0), findings, {"pipeline": "one"})


def test_without_an_index_repeats_say_whether_a_model_memorizes() -> None:
    result = small(None)
    assert result.memorizes
    assert result.in_words == {"images": "9", "images again and again": "4 of 9"}


def test_with_an_index_copies_say_it() -> None:
    result = small(small_findings())
    assert result.findings is not None
    assert result.memorizes == bool(result.findings.memorized.count)
    found = result.findings.memorized
    assert result.in_words["copies of training images"] == f"{found.count} of {found.total}"


@pytest.mark.parametrize("findings", [None, small_findings()])
def test_it_prints_its_figures(findings: Findings | None) -> None:
    result = small(findings)
    for name, value in result.in_words.items():
        assert f"{name}: {value}" in repr(result)
        assert value in result._repr_html_()


def test_json_has_the_kind_the_attributes_and_what_is_derived() -> None:
    data = json.loads(json.dumps(small(small_findings()).to_json(), allow_nan=False))
    assert data["kind"] == "small"
    assert data["four"] == 4
    assert data["provenance"] == {"pipeline": "one"}
    assert data["request"] == {"seed": 0}
