"""What became of every image, and whether the audit log says the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.soak.calls import Answer, without_change
from memguard.audit_log.reader import Wanted, read
from memguard.audit_log.verify import verify

OUTCOMES = ("asked", "withheld", "shown", "unchecked", "wrong")


@dataclass(frozen=True)
class Logged:
    """The audit log beside the answers that callers got.

    Attributes:
        findings: of ``memguard log verify``.
        lines: in the log, for the answers' requests.
        differing: lines whose label or action is not that of the answer.
        lost: answers that showed a picture and have no line.
        unrecorded: answers that withheld a picture and have no line.
        unanswered: lines without an answer: the process was killed before it could count it.
    """

    findings: list[str]
    lines: int
    differing: int
    lost: int
    unrecorded: int
    unanswered: int


def counts(answers: Sequence[Answer]) -> dict[str, dict[str, int]]:
    """Outcomes by role. ``wrong`` counts no image that is ``unchecked`` and withheld."""
    by_role: dict[str, Counter[str]] = {}
    for one in without_change(answers):
        here = by_role.setdefault(one.role, Counter())
        here["asked"] += 1
        here["shown" if one.shown else "withheld"] += 1
        here["unchecked"] += one.label == "unchecked"
        here["wrong"] += one.is_wrong and not (one.label == "unchecked" and not one.shown)
    return {role: {name: by_role[role][name] for name in OUTCOMES} for role in sorted(by_role)}


def passed_unchecked(answers: Sequence[Answer]) -> int:
    """Pictures that were shown without a verdict."""
    return sum(one.shown and one.label not in ("clear", "similar") for one in answers)


def compare(log: Path, answers: Sequence[Answer]) -> Logged:
    """Verify a log, and look up every answer in it. Lines of others are left out."""
    found = verify(log)
    known = {one.request: one for one in answers}
    mine = [one for one in read(log, Wanted()) if str(one.get("request")).startswith("soak-")]
    lines: dict[str, Mapping[str, Any]] = {str(one["request"]): one for one in mine}
    missing = [one for one in answers if one.request not in lines]
    return Logged(
        findings=[f"{one.kind}: {one.where}: {one.text}" for one in found.findings],
        lines=len(mine),
        differing=sum(
            (line["label"], line["action"] == "shown")
            != (known[request].label, known[request].shown)
            for request, line in lines.items()
            if request in known
        ),
        lost=sum(one.shown for one in missing),
        unrecorded=sum(not one.shown for one in missing),
        unanswered=len(lines.keys() - known.keys()),
    )
