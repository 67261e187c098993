"""A time limit for checks, which nothing can interrupt from outside: nobody waits any longer."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from memguard.errors import ConfigurationError

log = logging.getLogger("memguard")

LATE_CHECKS = 4
"""Checks that may still run after their time is up. While there are as many, no other is begun:
what hangs, such as a dead network file system, would collect threads. Chosen by hand."""


class TimeLimit:
    """Runs work in a thread of its own where there is a limit, else in the caller's.

    A thread cannot be stopped. One whose time is up runs on, and what it still finds is dropped.

    Args:
        seconds: the limit; None for none.

    Raises:
        ConfigurationError: the limit is not positive.
    """

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and not seconds > 0:
            raise ConfigurationError(f"timeout_s must be positive, not {seconds}")
        self.seconds = seconds
        self._late: list[threading.Thread] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return TimeLimit, (self.seconds,)

    def end(self) -> float | None:
        """When the time of what begins now is up, by ``time.monotonic``; None for no limit."""
        return None if self.seconds is None else time.monotonic() + self.seconds

    def run(self, work: Callable[[Callable[[], bool]], None], end: float | None = None) -> None:
        """Run ``work(going)``, where ``going()`` says whether anybody waits for the result.

        Args:
            work: a part of what the limit is for, or all of it.
            end: when the time of the whole is up (:meth:`end`); by default the work is the whole.

        Raises:
            TimeoutError: its time is up; or it was not begun, as others are late.
        """
        if self.seconds is None:
            work(lambda: True)
            return
        left = self.seconds if end is None else end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"it took longer than {self.seconds:g} s")
        with self._lock:
            self._late = [thread for thread in self._late if thread.is_alive()]
            late = len(self._late)
        if late >= LATE_CHECKS:
            raise TimeoutError(
                f"{late} earlier checks that took longer than {self.seconds:g} s are still running"
            )
        waited_for, failure = threading.Event(), list[BaseException]()
        waited_for.set()

        def run() -> None:
            begun = time.monotonic()
            try:
                work(waited_for.is_set)
            except BaseException as error:  # it is raised where somebody waits
                failure.append(error)
            if not waited_for.is_set():
                log.warning(
                    "a check ended after %.1f s; its time limit is %g s, and what it found last "
                    "is dropped",
                    time.monotonic() - begun,
                    self.seconds,
                )

        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(run,), daemon=True)
        thread.start()
        try:
            thread.join(left)
        finally:
            waited_for.clear()
        if thread.is_alive():
            with self._lock:
                self._late.append(thread)
            raise TimeoutError(f"it took longer than {self.seconds:g} s")
        if failure:
            raise failure[0]
