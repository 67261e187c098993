"""The clock of the steps of a query."""

from __future__ import annotations

import pytest

from benchmarks.common.clock import Clock


def test_a_step_does_not_count_the_steps_inside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.process_time", lambda: now)

    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    clock = Clock()
    inner = clock.timed("inner", work)
    with clock.step("outer"):
        work(2)
        inner(4)
        inner(8)
    assert clock.seconds == {"inner": 12, "outer": 2}
