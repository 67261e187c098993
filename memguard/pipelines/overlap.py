"""One call generates while the one before it is checked.

A pipeline on a GPU would wait for a check on the CPU. Calls run one after the other in the caller's
thread, as without a guard; each output is checked in one thread beside them.
"""

from __future__ import annotations

import contextvars
import copy
import dataclasses
import functools
import inspect
import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

from memguard.errors import ConfigurationError
from memguard.pipelines.call import Call
from memguard.pipelines.deferred import Settle
from memguard.verdict import Verdict

log = logging.getLogger("memguard")

_beside: ContextVar[CheckThread | None] = ContextVar("memguard_beside", default=None)
"""Where the guarded call that now begins is checked; None for its own thread."""

END = object()
"""What comes after the last call."""


Asked = tuple["Future[Any]", Callable[[], Any]]
"""An answer to come, and what gives it."""


class CheckThread:
    """Checks in a thread of its own, which asks the caller's thread to generate again."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memguard-check")
        self._asked: queue.SimpleQueue[Asked | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._ended = False

    def start(self, call: Call, settle: Settle) -> Future[Any]:
        """Run a call here, and settle what it returns there.

        A pipeline may write its next images where these are, so a copy of the output is checked and
        handed out; what cannot be copied is checked at once.

        Raises:
            ConfigurationError: it returns a coroutine or a generator.
            What the call raises.
        """
        _beside.set(None)  # guarded calls within are checked within
        returned = _plain(call.run())
        try:
            returned = copy.deepcopy(returned)
        except Exception:
            log.debug("an output that cannot be copied is checked at once", exc_info=True)
            return _answered(Future(), functools.partial(settle, returned, call))
        again = dataclasses.replace(call, function=self._in_the_callers_thread(call.function))
        return self._thread.submit(contextvars.copy_context().run, settle, returned, again)

    def result(self, coming: Future[Any]) -> Any:
        """The result of a call. Until it is there, what is asked for is generated again, here."""
        coming.add_done_callback(lambda _: self._asked.put(None))
        while not coming.done():
            asked = self._asked.get()
            if asked is not None:
                _answered(*asked)
        return coming.result()

    def end(self) -> None:
        """Wait for the check that is under way; nothing is generated for it any more."""
        with self._lock:
            self._ended = True
        while not self._asked.empty():
            asked = self._asked.get()
            if asked is not None:
                asked[0].cancel()
        self._thread.shutdown()

    def _in_the_callers_thread(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def ask(*args: Any, **kwargs: Any) -> Any:
            answer: Future[Any] = Future()
            with self._lock:
                if self._ended:
                    raise RuntimeError("nobody asks for the images of this pipeline any more")
                self._asked.put((answer, functools.partial(function, *args, **kwargs)))
            return answer.result()

        return ask


def started(call: Call, settle: Settle) -> Future[Any] | None:
    """The result to come of a guarded call that :func:`each` makes; None for any other call."""
    beside = _beside.get()
    return None if beside is None else beside.start(call, settle)


def each(
    pipeline: Callable[..., Any],
    calls: Iterable[Mapping[str, Any]],
    remember: Callable[[tuple[Verdict, ...] | None], None],
) -> Iterator[Any]:
    """The output and the verdicts of each of these calls of a guarded pipeline, in order.

    Args:
        pipeline: guarded.
        calls: of each, its arguments by name.
        remember: takes the verdicts of each call, in the caller's context.

    Raises:
        ConfigurationError: a call is no mapping, or returns a coroutine or a generator.
        What the calls, their checks and ``calls`` raise, each in its place; nothing follows.
    """
    thread, asked = CheckThread(), iter(calls)
    remember(None)
    try:
        last = _next(thread, pipeline, asked)
        while last is not None:
            failed = last.done() and last.exception() is not None
            coming = None if failed else _next(thread, pipeline, asked)
            output, verdicts = thread.result(last)
            remember(tuple(verdicts))
            yield output, verdicts
            last = coming
    finally:
        thread.end()


def _next(
    thread: CheckThread, pipeline: Callable[..., Any], asked: Iterator[Mapping[str, Any]]
) -> Future[Any] | None:
    """The next call, generated; None if there is none. An error is its result."""
    try:
        arguments = next(asked, END)
        if arguments is END:
            return None
        if not isinstance(arguments, Mapping):
            raise ConfigurationError(
                'each call is a mapping of its arguments, such as {"prompt": "a cat"}, not a '
                f"{type(arguments).__name__}"
            )
        context = contextvars.copy_context()
        context.run(_beside.set, thread)
        coming: Future[Any] = _plain(context.run(pipeline, **arguments))
    except Exception as error:
        coming = Future()
        coming.set_exception(error)
    return coming


def _answered(answer: Future[Any], work: Callable[[], Any]) -> Future[Any]:
    """The future, with what the work gives or raises."""
    try:
        answer.set_result(work())
    except Exception as error:
        answer.set_exception(error)
    return answer


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
