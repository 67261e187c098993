"""Figures of checks, and their tables."""

from __future__ import annotations

import pytest

from benchmarks.as_shipped.checks import Check, Promise
from benchmarks.as_shipped.figures import evasion_figures, is_kept, set_figures
from benchmarks.as_shipped.report import report
from memguard.calibration.rates import Rate

PROMISE = Promise(0.001, 300, Rate.of(0, 300), {"l2": 0.1})
ABOUT = {
    "date": "2026-11-25",
    "machine": {"cpu": "one"},
    "versions": {"memguard": "0.2"},
    "commit": "abc",
}


def checks(role: str, transform: str, blocked: int, total: int) -> list[Check]:
    return [
        Check(
            f"{role}|{transform}|{i}",
            role,
            transform,
            f"{i}.png",
            "memorized" if i < blocked else "similar",
            ["l2"] if i < blocked else [],
            {"l2": 0.1},
            "",
        )
        for i in range(total)
    ]


@pytest.mark.parametrize(
    ("blocked", "total", "kept"), [(0, 300, True), (1, 300, True), (2, 300, False), (1, 50, False)]
)
def test_a_promise_is_kept_within_what_is_proven_and_not_contradicted(
    blocked: int, total: int, kept: bool
) -> None:
    assert is_kept(PROMISE, Rate.of(blocked, total)) == kept


def test_recall_of_sets_is_compared_kind_by_kind() -> None:
    copies = {
        "without series": checks("copy", "blur", 4, 4) + checks("copy", "template", 2, 4),
        "with series": checks("copy", "blur", 3, 4) + checks("copy", "template", 0, 4),
    }
    novel = checks("test", "clean", 1, 200)
    sets = [set_figures(0, kind, 4, PROMISE, [*many, *novel]) for kind, many in copies.items()]
    assert sets[0]["recall"] == {"blur": 1.0, "template": 0.5}
    assert sets[0]["blocked by"] == {"l2": 1}
    text = report({**ABOUT, "sets": sets})
    assert "| blur | 100.0 | 75.0 |  | -25.0 |" in text
    assert "| **mean** | **75.0** | **37.5** | 93 | -37.5 (bar -2) MISSED |" in text
    assert "1/200 (<= 2.3 %)" in text
    assert "Evasions" not in text


def test_evasions_are_counted_beside_what_was_found_before() -> None:
    found = evasion_figures(
        {
            "standard": [*checks("copy", "swirl", 7, 25), *checks("test", "swirl", 1, 10)],
            "thorough": [*checks("copy", "swirl", 9, 25), *checks("test", "swirl", 0, 10)],
        }
    )
    text = report({**ABOUT, "evasions": {"photographs": found}})
    assert "| swirl | 7/25 | 9/25 | 0 | 0 |" in text
    assert "| swirl | 1/10 | 0/10 |" in text
