"""Coroutines, generators and async generators are guarded too."""

from __future__ import annotations

import asyncio
import inspect
import io
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing, is_blank, two
from PIL import Image

from memguard import Guard, MemorizedImageError, UnsupportedOutputError, guard


async def later(seed: int = NOVEL) -> list[Image.Image]:
    """Two drawings, the second a copy."""
    await asyncio.sleep(0)
    return two(seed)


class LaterPipeline:
    """A pipeline whose call is a coroutine."""

    async def __call__(self, seed: int = NOVEL) -> list[Image.Image]:
        return await later(seed)


def each(seed: int = NOVEL) -> Iterator[Image.Image]:
    yield from two(seed)


async def each_later(seed: int = NOVEL) -> AsyncIterator[Image.Image]:
    for image in two(seed):
        await asyncio.sleep(0)
        yield image


def blanks(images: list[Image.Image]) -> list[bool]:
    return [is_blank(image) for image in images]


@pytest.mark.parametrize("made", [later, LaterPipeline(), lambda: later()])
def test_a_coroutine(index: Path, made: Any) -> None:
    guarded = guard(made, index)

    async def serve() -> None:
        assert blanks(await guarded()) == [False, True]
        assert [verdict.label for verdict in guarded.last_verdicts] == ["clear", "memorized"]
        images, verdicts = await guarded.guard.call(guarded)
        assert blanks(images) == [False, True]
        assert tuple(verdicts) == guarded.last_verdicts

    asyncio.run(serve())


def test_frameworks_still_see_a_coroutine_function(index: Path) -> None:
    for pipeline in (later, LaterPipeline()):
        guarded = guard(pipeline, index)
        assert inspect.iscoroutinefunction(guarded.__call__)
        assert inspect.signature(guarded) == inspect.signature(pipeline)
    assert not inspect.iscoroutinefunction(guard(two, index).__call__)


def test_the_loop_goes_on_during_a_check(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Guard(index)
    seen, detect = [], watch._checker.detector.detect

    def noted(images: Any) -> Any:
        seen.append(threading.get_ident())
        return detect(images)

    monkeypatch.setattr(watch._checker.detector, "detect", noted)
    asyncio.run(watch.wrap(later)())
    assert seen
    assert threading.get_ident() not in seen


def test_a_coroutine_raises_and_regenerates(index: Path) -> None:
    rest = iter([drawing(COPY), drawing(COPY), drawing(NOVEL + 1)])

    async def make() -> list[Image.Image]:
        asyncio.get_running_loop()
        return [drawing(NOVEL), next(rest)]

    async def serve() -> None:
        with pytest.raises(MemorizedImageError):
            await guard(later, index, policy="raise")()
        guarded = guard(make, index, policy="regenerate")
        assert blanks(await guarded()) == [False, False]
        assert [verdict.attempt for verdict in guarded.last_verdicts] == [0, 2]

    asyncio.run(serve())


def test_a_generator(index: Path) -> None:
    guarded = guard(each, index)
    labels, images = [], []
    for image in guarded():
        images.append(image)
        (verdict,) = guarded.last_verdicts
        labels.append(verdict.label)
    assert blanks(images) == [False, True]
    assert labels == ["clear", "memorized"]
    called = [(is_blank(image), one.label) for image, (one,) in guarded.guard.call(guarded)]
    assert called == [(False, "clear"), (True, "memorized")]


def test_an_async_generator(index: Path) -> None:
    guarded = guard(each_later, index)

    async def serve() -> None:
        labels, images = [], []
        async for image in guarded():
            images.append(image)
            labels.append(guarded.last_verdicts[0].label)
        assert blanks(images) == [False, True]
        assert labels == ["clear", "memorized"]
        called = [one.label async for _, (one,) in guarded.guard.call(guarded)]
        assert called == labels

    asyncio.run(serve())


def test_items_of_generators_are_regenerated(index: Path) -> None:
    copies = iter([True, False, True, False])

    def make() -> Iterator[Image.Image]:
        yield drawing(NOVEL)
        yield drawing(COPY if next(copies) else NOVEL + 1)

    async def make_later() -> AsyncIterator[Image.Image]:
        for image in make():
            yield image

    async def collect() -> list[Image.Image]:
        return [image async for image in guard(make_later, index, policy="regenerate")()]

    assert blanks(list(guard(make, index, policy="regenerate")())) == [False, False]
    assert blanks(asyncio.run(collect())) == [False, False]
    assert next(copies, None) is None


def test_generators_are_closed(index: Path) -> None:
    closed = []

    def make() -> Iterator[Image.Image]:
        try:
            yield from two()
        finally:
            closed.append("now")

    async def make_later() -> AsyncIterator[Image.Image]:
        try:
            for image in two():
                yield image
        finally:
            closed.append("later")

    async def begin() -> None:
        items = guard(make_later, index)()
        await anext(items)
        await items.aclose()

    items = guard(make, index)()
    next(items)
    items.close()
    asyncio.run(begin())
    assert closed == ["now", "later"]


def test_what_comes_later_and_holds_no_images_is_not_shown(index: Path) -> None:
    async def text() -> str:
        return "copy.png"

    with pytest.raises(UnsupportedOutputError, match="found no images"):
        asyncio.run(guard(text, index)())
    with pytest.raises(UnsupportedOutputError, match="found no images"):
        list(guard(lambda: iter(["copy.png"]), index)())


class Events:
    """A stream as API clients have it: an iterator, and a context manager."""

    def __init__(self) -> None:
        self._rest = iter(two())
        self.closed = False

    def __iter__(self) -> Iterator[Image.Image]:
        return self

    def __next__(self) -> Image.Image:
        return next(self._rest)

    def __enter__(self) -> Events:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closed = True


class LaterEvents:
    def __init__(self) -> None:
        self._rest = each_later()
        self.closed = False

    def __aiter__(self) -> AsyncIterator[Image.Image]:
        return self

    async def __anext__(self) -> Image.Image:
        return await anext(self._rest)

    async def __aenter__(self) -> LaterEvents:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.closed = True


def test_a_stream_stays_a_context_manager(index: Path) -> None:
    made: list[Any] = []
    watch = Guard(index)

    def make() -> Events:
        made.append(Events())
        return made[-1]

    with watch.wrap(make)() as stream:
        assert blanks(list(stream)) == [False, True]
    with watch.wrap(make)() as stream:
        next(stream)
    with pytest.raises(StopIteration):
        next(stream)
    watch.wrap(make)().close()
    assert [events.closed for events in made] == [True, True, True]


def test_an_async_stream_of_a_coroutine(index: Path) -> None:
    made: list[Any] = []

    async def make() -> LaterEvents:
        made.append(LaterEvents())
        return made[-1]

    async def serve() -> None:
        guarded = guard(make, index)
        async with await guarded() as stream:
            assert blanks([image async for image in stream]) == [False, True]
        stream = await guarded()
        await anext(stream)
        await stream.close()
        regenerated = guard(make, index, policy="regenerate")
        assert blanks([image async for image in await regenerated()]) == [False, True]
        assert [verdict.attempt for verdict in regenerated.last_verdicts] == [3]

    asyncio.run(serve())
    assert [events.closed for events in made[:2]] == [True, True]


def test_a_generator_that_a_coroutine_gives(index: Path) -> None:
    async def make() -> Iterator[Image.Image]:
        return each()

    async def serve() -> list[Image.Image]:
        return list(await guard(make, index)())

    assert blanks(asyncio.run(serve())) == [False, True]


def test_an_open_file_is_no_stream_of_its_lines(index: Path) -> None:
    guarded = guard(lambda: io.BytesIO(b"\x89PNG\r\n\x1a\n"), index)
    with pytest.raises(UnsupportedOutputError):
        guarded()
