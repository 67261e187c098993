"""Calls whose images come later: coroutines, generators, async generators, and streams.

Images are checked in a thread, so that the event loop goes on; what is generated again runs in
the loop. Each item of a generator is an output of its own.
"""

from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import functools
import inspect
import itertools
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterator,
)
from typing import Any

from memguard.pipelines.call import Call
from memguard.pipelines.latest import keep_all

Settle = Callable[[Any, Call], Any]
"""Checks what a call returned, and gives what is shown."""


def run(call: Call, settle: Settle, settle_event: Settle) -> Any:
    """Run a call, and settle what it returns, now or when it comes.

    Args:
        call: the call.
        settle: for what it returns, and for each item of a generator.
        settle_event: for each item of a stream, of which not all show images.
    """
    returned = call.run()
    if inspect.isawaitable(returned):
        return _awaited(returned, call, settle, settle_event)
    return _items(returned, call, settle, settle_event) or settle(returned, call)


def together(returned: Any, beside: Callable[[], Any]) -> Any:
    """The output, now or when it comes, as a pair with what ``beside`` gives at that moment."""
    if inspect.isawaitable(returned):
        return _awaited_together(returned, beside)
    if isinstance(returned, AsyncIterator):
        return ((output, beside()) async for output in returned)
    if isinstance(returned, Iterator):
        return ((output, beside()) for output in returned)
    return returned, beside()


def _items(returned: Any, call: Call, settle: Settle, settle_event: Settle) -> Any:
    """The items of a generator or stream as they are shown; None of anything else."""
    if isinstance(returned, AsyncIterator):
        if hasattr(returned, "__aenter__"):
            return AsyncStream(_each_later(returned, call, settle_event), returned)
        return _each_later(returned, call, settle)
    if isinstance(returned, Iterator) and not hasattr(returned, "read"):  # of a file, lines
        if hasattr(returned, "__enter__"):
            return Stream(_each(returned, call, settle_event), returned)
        return _each(returned, call, settle)
    return None


@dataclasses.dataclass(frozen=True)
class Stream(Iterator[Any]):
    """Checked items of a stream that is a context manager too.

    Attributes:
        items: the checked items.
        stream: where they come from.
    """

    items: Generator[Any, None, None]
    stream: Any

    def __next__(self) -> Any:
        return next(self.items)

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the stream; nothing more comes."""
        self.items.close()
        self.stream.close()


@dataclasses.dataclass(frozen=True)
class AsyncStream(AsyncIterator[Any]):
    """The same, for ``async for``."""

    items: AsyncGenerator[Any, None]
    stream: Any

    async def __anext__(self) -> Any:
        return await anext(self.items)

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the stream; nothing more comes."""
        await self.items.aclose()
        await self.stream.close()


async def _awaited(
    returned: Awaitable[Any], call: Call, settle: Settle, settle_event: Settle
) -> Any:
    result = await returned
    items = _items(result, call, settle, settle_event)
    if items is not None:
        return items
    return await _in_thread(settle, result, _on_this_loop(call, _result))


async def _awaited_together(returned: Awaitable[Any], beside: Callable[[], Any]) -> Any:
    return await returned, beside()


def _each(items: Iterator[Any], call: Call, settle: Settle) -> Generator[Any, None, None]:
    try:
        for number, item in enumerate(items):
            yield settle(item, _item_again(call, number))
    finally:
        if isinstance(items, Generator):
            items.close()


async def _each_later(
    items: AsyncIterator[Any], call: Call, settle: Settle
) -> AsyncGenerator[Any, None]:
    number = 0
    try:
        async for item in items:
            again = _on_this_loop(call, functools.partial(_later_item, number=number))
            yield await _in_thread(settle, item, again)
            number += 1
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


async def _in_thread(settle: Settle, returned: Any, call: Call) -> Any:
    context = contextvars.copy_context()
    loop = asyncio.get_running_loop()
    try:
        return await loop.run_in_executor(None, context.run, settle, returned, call)
    finally:
        keep_all(context)


def _item_again(call: Call, number: int) -> Call:
    """The call that makes only this item of a generator again."""

    @functools.wraps(call.function)
    def function(*args: Any, **kwargs: Any) -> Any:
        return next(itertools.islice(call.function(*args, **kwargs), number, None))

    return dataclasses.replace(call, function=function)


def _on_this_loop(call: Call, take: Callable[[Any], Coroutine[Any, Any, Any]]) -> Call:
    """The call for other threads: it runs in this thread's event loop, and waits for what ``take``
    makes of its result."""
    loop = asyncio.get_running_loop()

    @functools.wraps(call.function)
    def function(*args: Any, **kwargs: Any) -> Any:
        async def taken() -> Any:
            return await take(call.function(*args, **kwargs))

        return asyncio.run_coroutine_threadsafe(taken(), loop).result()

    return dataclasses.replace(call, function=function)


async def _result(returned: Awaitable[Any]) -> Any:
    return await returned


async def _later_item(
    items: AsyncIterator[Any] | Awaitable[AsyncIterator[Any]], number: int
) -> Any:
    async for item in items if isinstance(items, AsyncIterator) else await items:
        if number == 0:
            return item
        number -= 1
    raise IndexError("the pipeline made fewer images this time")
