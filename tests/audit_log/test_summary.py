"""Summing up by day."""

from __future__ import annotations

from memguard.audit_log.summary import by_day, total

LINES = [
    {
        "time": f"2026-11-{day}T12:00:00.000Z",
        "label": label,
        "action": action,
        "would": would,
        "trial": trial and {"calibration": "0", "label": trial},
        "milliseconds": milliseconds,
    }
    for day, label, action, would, trial, milliseconds in [
        (24, "clear", "shown", None, None, {"check": 10.0}),
        (24, "memorized", "shown", "blocked", "memorized", {"check": 30.0}),
        (25, "unchecked", "blocked", None, None, {}),
        (25, "clear", "shown", None, "similar", {"check": 20.0}),
    ]
]


def test_each_day_is_counted() -> None:
    days = by_day(LINES)
    assert {day: count.to_json() for day, count in days.items()} == {
        "2026-11-24": {
            "checks": 2,
            "labels": {"clear": 1, "memorized": 1},
            "actions": {"shown": 2},
            "would": {"blocked": 1},
            "trial": {},
            "failures": 0,
            "median_ms": 20.0,
        },
        "2026-11-25": {
            "checks": 2,
            "labels": {"unchecked": 1, "clear": 1},
            "actions": {"blocked": 1, "shown": 1},
            "would": {},
            "trial": {"clear -> similar": 1},
            "failures": 1,
            "median_ms": 20.0,
        },
    }
    whole = total(days.values())
    assert (whole.checks, whole.failures, whole.median_ms) == (4, 1, 20.0)
    assert whole.labels == {"clear": 2, "memorized": 1, "unchecked": 1}


def test_nothing() -> None:
    assert by_day([]) == {}
    assert total([]).median_ms is None
