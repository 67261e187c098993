"""Stages: their time is added up where it is asked for."""

from __future__ import annotations

import contextlib
import contextvars
import threading
import time

from memguard.stages import Laps, collected, stage


@stage("slept")
def sleep(seconds: float) -> None:
    time.sleep(seconds)


def test_the_time_of_each_stage_is_added_up() -> None:
    seconds: dict[str, float] = {"slept": 1.0}
    with collected(seconds):
        sleep(0.02)
        with contextlib.suppress(KeyError), stage("other"):
            sleep(0.02)
            raise KeyError
    sleep(0.02)
    assert 1.04 <= seconds["slept"] < 1.2
    assert 0.02 <= seconds["other"] < 0.1


def test_threads_in_a_copy_of_the_context_count() -> None:
    seconds: dict[str, float] = {}
    with collected(seconds):
        for run in (contextvars.copy_context().run, contextvars.Context().run):
            thread = threading.Thread(target=run, args=(sleep, 0.02))
            thread.start()
            thread.join()
    assert 0.02 <= seconds["slept"] < 0.04


def test_laps() -> None:
    laps = Laps()
    time.sleep(0.02)
    assert laps.lap() >= 0.02
    assert laps.lap() < 0.02
