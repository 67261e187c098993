"""Threads that work on the images of one batch."""

from __future__ import annotations

import contextvars
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from memguard.errors import ConfigurationError

Item = TypeVar("Item")
Result = TypeVar("Result")


def half_the_cores() -> int:
    """Half of the cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)) // 2)
    return max(1, (os.cpu_count() or 1) // 2)


class Threads:
    """At most so many threads, however many callers there are; they begin with the first work.

    Args:
        count: of threads; 1 works in the caller's.

    Raises:
        ConfigurationError: less than 1.
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ConfigurationError(f"threads must be at least 1, not {count}")
        self.count = count
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="memguard")

    def __reduce__(self) -> tuple[type[Threads], tuple[int]]:
        return Threads, (self.count,)

    def each(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """The result for each item, in order; each in a copy of the caller's context.

        Raises:
            What the work raises, for the first such item.
        """
        if self.count == 1 or len(items) < 2:
            return [work(item) for item in items]
        contexts = [contextvars.copy_context() for _ in items]
        return list(self._pool.map(lambda context, item: context.run(work, item), contexts, items))


ONE = Threads(1)
"""The caller's own."""
