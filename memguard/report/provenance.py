"""What a page is evidence of: which index, when, by which memguard, by whom, how to repeat it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from memguard.auditing.audit_result import AuditResult
from memguard.calibration.index_facts import index_facts, made_now
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
    return _rows(index_facts(index) | made_now(), command)


def audit_provenance(audit: AuditResult, command: str) -> Rows:
    """The same of an audit, as it was recorded when its images were compared."""
    return _rows(audit.provenance, command)


def _rows(facts: Mapping[str, str], command: str) -> Rows:
    return [
        *facts.items(),
        ("operator", operator() or f"not named (${OPERATOR_VARIABLE})"),
        ("command", command),
        ("run in", str(Path.cwd())),
    ]
