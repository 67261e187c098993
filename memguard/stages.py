"""How long the stages of a check take, measured where they run and collected where they are asked
for: nothing is measured outside :func:`collected`."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

_seconds: ContextVar[dict[str, float] | None] = ContextVar("memguard_stages", default=None)


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Add the time of a block, or of a function that this decorates, to a stage's seconds."""
    seconds = _seconds.get()
    start = time.perf_counter()
    try:
        yield
    finally:
        if seconds is not None:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - start


@contextlib.contextmanager
def collected(seconds: dict[str, float]) -> Iterator[None]:
    """Add the seconds of all stages inside to this mapping, also those of threads that run in a
    copy of this context."""
    token = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(token)


class Laps:
    """A stopwatch: the seconds since it was last asked, or made."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap(self) -> float:
        """The seconds, which begin anew."""
        before, self._since = self._since, time.perf_counter()
        return self._since - before
