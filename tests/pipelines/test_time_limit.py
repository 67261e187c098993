"""Work in a thread that nobody waits for longer than its time."""

from __future__ import annotations

import contextvars
import pickle
import threading
from collections.abc import Callable, Iterator

import pytest

from memguard.errors import ConfigurationError
from memguard.pipelines.time_limit import LATE_CHECKS, TimeLimit

Going = Callable[[], bool]
WHERE = contextvars.ContextVar("where", default="nowhere")


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What holds late work up."""
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("seconds", [None, 60])
def test_work_that_ends_in_time(seconds: float | None) -> None:
    seen = []
    WHERE.set("here")
    TimeLimit(seconds).run(lambda going: seen.append((going(), WHERE.get())))
    assert seen == [(True, "here")]


@pytest.mark.parametrize("seconds", [None, 60])
def test_an_error_of_the_work_is_the_callers(seconds: float | None) -> None:
    def fail(going: Going) -> None:
        raise KeyError("wrong")

    with pytest.raises(KeyError, match="wrong"):
        TimeLimit(seconds).run(fail)


def test_late_work_is_left_alone_and_says_when_it_ended(
    released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    wanted, ended = [], threading.Event()

    def work(going: Going) -> None:
        released.wait(60)
        wanted.append(going())
        ended.set()

    limit = TimeLimit(0.05)
    with pytest.raises(TimeoutError, match=r"^it took longer than 0.05 s$"):
        limit.run(work)
    (thread,) = limit._late
    released.set()
    assert ended.wait(60)
    thread.join(60)
    assert wanted == [False]
    assert "its time limit is 0.05 s, and what it found last is dropped" in caplog.text
    limit.run(lambda going: wanted.append(going()))
    assert wanted == [False, True]


def test_no_more_than_a_few_late_threads(released: threading.Event) -> None:
    limit = TimeLimit(0.02)
    for _ in range(LATE_CHECKS):
        with pytest.raises(TimeoutError, match="longer than"):
            limit.run(lambda going: released.wait(60) and None)
    before = set(threading.enumerate())
    with pytest.raises(TimeoutError, match=r"4 earlier checks .* still running"):
        limit.run(lambda going: None)
    assert set(threading.enumerate()) <= before


def test_it_is_pickled_without_its_threads(released: threading.Event) -> None:
    limit = TimeLimit(0.02)
    with pytest.raises(TimeoutError):
        limit.run(lambda going: released.wait(60) and None)
    again = pickle.loads(pickle.dumps(limit))
    assert (again.seconds, again._late) == (0.02, [])


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_is_positive(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="timeout_s must be positive"):
        TimeLimit(seconds)
