"""The clock of the steps of a query."""

from __future__ import annotations

import time

import pytest

from benchmarks.common.clock import Clock


def work(seconds: float) -> None:
    """Use the processor for this long."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_step_does_not_count_the_steps_inside_it() -> None:
    clock = Clock()
    inner = clock.timed("inner", work)
    with clock.step("outer"):
        work(0.02)
        inner(0.06)
        inner(0.06)
    assert clock.seconds["inner"] == pytest.approx(0.12, abs=0.015)
    assert clock.seconds["outer"] == pytest.approx(0.02, abs=0.015)
