"""Stages: their time is added up where it is asked for."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable

import pytest

from memguard.stages import Laps, collected, stage

Work = Callable[[float], None]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """A stage, "worked", that takes as many seconds as one says, by the only clock there is."""
    now = 100.0
    monkeypatch.setattr("time.perf_counter", lambda: now)

    @stage("worked")
    def work(seconds: float) -> None:
        nonlocal now
        now += seconds

    return work


def test_the_time_of_each_stage_is_added_up(work: Work) -> None:
    seconds: dict[str, float] = {"worked": 1.0}
    with collected(seconds):
        work(2)
        with contextlib.suppress(KeyError), stage("other"):
            work(4)
            raise KeyError
    work(8)
    assert seconds == {"worked": 7, "other": 4}


def test_threads_in_a_copy_of_the_context_count(work: Work) -> None:
    seconds: dict[str, float] = {}
    with collected(seconds):
        for run in (contextvars.copy_context().run, contextvars.Context().run):
            thread = threading.Thread(target=run, args=(work, 2))
            thread.start()
            thread.join()
    assert seconds == {"worked": 2}


def test_laps(work: Work) -> None:
    laps = Laps()
    work(2)
    assert laps.lap() == 2
    assert laps.lap() == 0
