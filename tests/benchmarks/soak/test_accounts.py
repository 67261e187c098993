"""Every image is accounted for, and what should not be is counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PIL import Image

from benchmarks.soak.accounts import Logged, compare, counts, passed_unchecked
from benchmarks.soak.calls import Answer, Moving, ask, returned
from benchmarks.soak.pictures import Asked
from memguard import AuditLog, Guard

CLEAR = Answer("soak-0-0", "novel", "shown", "clear", True, 1.0)
BLOCKED = Answer("soak-0-1", "copy", "withheld", "memorized", False, 1.0)
KEPT_BACK = replace(CLEAR, label="unchecked", shown=False)
MOVING = replace(BLOCKED, role="moving")


def test_outcomes() -> None:
    found = counts([CLEAR, KEPT_BACK, replace(CLEAR, shown=False), BLOCKED])
    assert found["novel"] == {"asked": 3, "withheld": 2, "shown": 1, "unchecked": 1, "wrong": 1}
    assert found["copy"]["wrong"] == 0
    assert counts([replace(BLOCKED, shown=True)])["copy"]["wrong"] == 1
    assert counts([replace(BLOCKED, shown=True, label="unchecked")])["copy"]["wrong"] == 1


def test_moving_references_are_counted_by_state() -> None:
    found = counts([MOVING, replace(MOVING, right="shown"), replace(MOVING, right="either")])
    assert found["moving, in"]["wrong"] == 0
    assert found["moving, taken down"]["wrong"] == 1, "it was taken down, and is withheld"
    assert sum(one["asked"] for one in found.values()) == 2


def test_what_passes_unchecked() -> None:
    shown = replace(KEPT_BACK, shown=True)
    assert passed_unchecked([CLEAR, BLOCKED, KEPT_BACK, shown]) == 1


def test_answers_of_a_guard_are_those_in_its_log(
    gallery: Path, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    log = tmp_path / "audit.jsonl"
    guard = Guard(gallery, audit_log=log)
    pipeline, moving = guard.wrap(returned), Moving("withheld")
    asked = [
        Asked("a", "copy", photographs["chelsea.png"]),
        Asked("b", "novel", photographs["rocket.jpg"]),
    ]
    answers = [ask(pipeline, guard, one, f"soak-0-{at}", moving) for at, one in enumerate(asked)]
    assert [(one.label, one.shown) for one in answers] == [("memorized", False), ("clear", True)]
    assert not any(one.is_wrong for one in answers)
    AuditLog(log).append([{"request": "other-0"}])
    assert compare(log, answers) == Logged([], 2, 0, 0, 0, 0)
    assert compare(log, [*answers, replace(CLEAR, request="soak-0-2")]).lost == 1
    assert compare(log, [*answers, replace(BLOCKED, request="soak-0-2")]).unrecorded == 1
    assert compare(log, answers[:1]).unanswered == 1
    assert compare(log, [replace(answers[0], shown=True), answers[1]]).differing == 1
    log.write_bytes(log.read_bytes().replace(b'"clear"', b'"cleaR"'))
    assert compare(log, answers).findings
