"""What a page is evidence of: which index, when, by which memguard, by whom, how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping

from memguard.auditing.audit_result import AuditResult
from memguard.calibration.provenance import index_facts, made_now, threshold_facts
from memguard.calibration.result import Calibration
from memguard.index import Index
from memguard.settings import OPERATOR_VARIABLE, operator

Rows = list[tuple[str, str]]
"""Headings and values of a page's table."""


def provenance(index: Index, command: str) -> Rows:
    """What a page says of itself.

    Args:
        index: what images were compared with.
        command: how to repeat it.
    """
    return _rows(index_facts(index) | threshold_facts(index) | made_now(), command)


def audit_provenance(audit: AuditResult, command: str) -> Rows:
    """The same of an audit, as it was recorded when its images were compared."""
    return _rows(audit.provenance, command)


def calibration_provenance(index: Index, calibration: Calibration) -> Rows:
    """The same of a calibration, as it was recorded when its negatives were compared."""
    recorded = calibration.provenance or {"made": "at an unknown time, by an older memguard"}
    now = index_facts(index)
    changed = {
        f"{name} now": value for name, value in now.items() if recorded.get(name, value) != value
    }
    negatives = {"negatives": calibration.source} if calibration.source else {}
    facts = now | recorded | negatives | threshold_facts(index) | changed
    facts |= {"page made": made_now()["made"]}
    return _rows(facts, facts.pop("command", f"memguard calibrate {index.name}"))


def _rows(facts: Mapping[str, str], command: str) -> Rows:
    return [
        *facts.items(),
        ("operator", operator() or f"not named (${OPERATOR_VARIABLE})"),
        ("command", command),
    ]
