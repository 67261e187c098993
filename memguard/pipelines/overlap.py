"""One call generates while the one before it is checked.

A pipeline on a GPU would wait for a check on the CPU. Calls run one after the other in the caller's
thread, as without a guard; each output is checked in one thread beside them.
"""

from __future__ import annotations

import contextvars
import dataclasses
import functools
import inspect
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from memguard.errors import ConfigurationError
from memguard.pipelines.call import Call

Settle = Callable[[Any, Call], Any]
"""Checks what a call returned, and gives what is shown."""

_beside: ContextVar[Beside | None] = ContextVar("memguard_beside", default=None)
"""Where the guarded call that now begins is checked; None for its own thread."""


class Beside:
    """The thread of the checks, and a lock for the pipeline: it generates one call at a time."""

    def __init__(self) -> None:
        self._checks = ThreadPoolExecutor(1, thread_name_prefix="memguard-check")
        self._pipeline = threading.Lock()

    def begin(self, call: Call, settle: Settle) -> Future[Any]:
        """Run a call, and settle what it returns later.

        Raises:
            ConfigurationError: it returns a coroutine or a generator.
            What the call raises.
        """
        alone = dataclasses.replace(call, function=self._alone(call.function))
        _beside.set(None)  # guarded calls within are checked within
        returned = _plain(alone.run())
        return self._checks.submit(contextvars.copy_context().run, settle, returned, alone)

    def end(self) -> None:
        """Wait for the check that is under way."""
        self._checks.shutdown()

    def _alone(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def alone(*args: Any, **kwargs: Any) -> Any:
            with self._pipeline:
                return function(*args, **kwargs)

        return alone


def begun(call: Call, settle: Settle) -> Future[Any] | None:
    """The result to come of a guarded call that :func:`each` makes; None for any other call."""
    beside = _beside.get()
    return None if beside is None else beside.begin(call, settle)


def each(pipeline: Callable[..., Any], calls: Iterable[Mapping[str, Any]]) -> Iterator[Any]:
    """The results of these calls of a guarded pipeline, in order.

    Raises:
        ConfigurationError: a call is no mapping, or returns a coroutine or a generator.
        What the calls, their checks and ``calls`` raise, each in its place; nothing follows.
    """
    beside, asked = Beside(), iter(calls)
    try:
        last: Future[Any] | None = None
        while True:
            coming = _next(beside, pipeline, asked)
            if last is not None:
                yield last.result()
            if coming is None:
                return
            last = coming
    finally:
        beside.end()


def _next(
    beside: Beside, pipeline: Callable[..., Any], asked: Iterator[Mapping[str, Any]]
) -> Future[Any] | None:
    """The next call, generated; None if there is none. An error is its result."""
    try:
        arguments = next(asked, None)
        if arguments is None:
            return None
        if not isinstance(arguments, Mapping):
            raise ConfigurationError(
                'each call is a mapping of its arguments, such as {"prompt": "a cat"}, not a '
                f"{type(arguments).__name__}"
            )
        context = contextvars.copy_context()
        context.run(_beside.set, beside)
        coming: Future[Any] = _plain(context.run(pipeline, **arguments))
    except Exception as error:
        coming = Future()
        coming.set_exception(error)
    return coming


def _plain(returned: Any) -> Any:
    """What a call returned, which is there already."""
    later = isinstance(returned, Iterator) and not hasattr(returned, "read")
    if not (later or inspect.isawaitable(returned)):
        return returned
    if inspect.iscoroutine(returned):
        returned.close()
    raise ConfigurationError(
        "`each` runs plain calls; generators and coroutines are guarded as they are, and tasks "
        "of coroutines overlap by themselves"
    )
