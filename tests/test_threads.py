"""Threads: results in order, the caller's context, no more at once than allowed."""

from __future__ import annotations

import threading

import pytest

from memguard.errors import ConfigurationError
from memguard.stages import collected, stage
from memguard.threads import Threads, half_the_cores


def test_results_come_in_order_from_several_threads() -> None:
    together = threading.Barrier(3, timeout=30)

    def work(number: int) -> tuple[int, int]:
        together.wait()  # breaks unless three work at once
        return number, threading.get_ident()

    found = Threads(3).each(work, range(6))
    assert [number for number, _ in found] == list(range(6))
    assert len({thread for _, thread in found}) == 3


def test_callers_share_the_threads() -> None:
    threads, seen = Threads(2), set[int]()

    def work(_: int) -> None:
        seen.add(threading.get_ident())

    callers = [threading.Thread(target=threads.each, args=(work, range(8))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(seen) <= 2
    assert threading.get_ident() not in seen


def test_one_thread_is_the_callers() -> None:
    found = Threads(1).each(lambda _: threading.get_ident(), range(3))
    assert set(found) == {threading.get_ident()}


def test_stages_are_collected_from_all_threads() -> None:
    @stage("compare")
    def work(_: int) -> None:
        pass

    seconds: dict[str, float] = {}
    with collected(seconds):
        Threads(2).each(work, range(4))
    assert seconds["compare"] > 0


def test_what_the_work_raises_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        Threads(2).each(lambda number: 1 / number, [1, 0])


def test_at_least_one_thread() -> None:
    assert half_the_cores() >= 1
    with pytest.raises(ConfigurationError, match="at least 1, not 0"):
        Threads(0)
