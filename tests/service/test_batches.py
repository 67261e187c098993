"""Requests that wait are checked together; when too many wait, the next is turned away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from fixtures.running_service import SECONDS
from PIL import Image

from memguard import Guard, Verdict
from memguard.service.batches import BATCH_IMAGES, Batches, BusyError


class Held(Guard):
    """A guard whose checks wait for each other's permission."""

    def __init__(self, index: Path) -> None:
        super().__init__(index)
        self.began, self.may_end = threading.Event(), threading.Event()
        self.batches: list[list[str]] = []

    def check_together(self, requests: Mapping[str, Any]) -> dict[str, list[Verdict]]:
        self.batches.append([*requests])
        self.began.set()
        assert self.may_end.wait(SECONDS)
        if "bad" in requests:
            raise ZeroDivisionError
        return super().check_together(requests)


def serve(batches: Batches, work: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        running = asyncio.create_task(batches.run())
        try:
            await asyncio.wait_for(work(), SECONDS)
        finally:
            batches.close()
            await asyncio.wait_for(running, SECONDS)

    asyncio.run(run())


@pytest.fixture
def guard(photograph_index: Path) -> Held:
    return Held(photograph_index)


@pytest.fixture
def rocket(photographs: dict[str, Image.Image]) -> Image.Image:
    return photographs["rocket.jpg"]


async def first_begins(guard: Held) -> None:
    assert await asyncio.to_thread(guard.began.wait, SECONDS)


def test_what_waits_is_one_batch(guard: Held, rocket: Image.Image, cat: Image.Image) -> None:
    batches = Batches(guard, most_waiting=64)

    async def work() -> None:
        asked = [asyncio.create_task(batches.check("a", [rocket]))]
        await first_begins(guard)
        asked += [
            asyncio.create_task(batches.check("b", [cat])),
            asyncio.create_task(batches.check("c", [rocket, cat])),
        ]
        await asyncio.sleep(0)
        assert batches.waiting == 3
        guard.may_end.set()
        found = await asyncio.gather(*asked)
        assert [[verdict.label for verdict in one] for one in found] == [
            ["clear"],
            ["memorized"],
            ["clear", "memorized"],
        ]

    serve(batches, work)
    assert guard.batches == [["a"], ["b", "c"]]


def test_batches_are_bounded(guard: Held, rocket: Image.Image) -> None:
    batches = Batches(guard, most_waiting=64)

    async def work() -> None:
        asked = [asyncio.create_task(batches.check("a", [rocket]))]
        await first_begins(guard)
        asked += [
            asyncio.create_task(batches.check(f"{n}", [rocket])) for n in range(BATCH_IMAGES + 2)
        ]
        await asyncio.sleep(0)
        guard.may_end.set()
        await asyncio.gather(*asked)

    serve(batches, work)
    assert [len(batch) for batch in guard.batches] == [1, BATCH_IMAGES, 2]


def test_too_many_waiting_are_turned_away(guard: Held, rocket: Image.Image) -> None:
    batches = Batches(guard, most_waiting=2)

    async def work() -> None:
        first = asyncio.create_task(batches.check("a", [rocket]))
        await first_begins(guard)
        second = asyncio.create_task(batches.check("b", [rocket, rocket]))
        await asyncio.sleep(0)
        with pytest.raises(BusyError) as busy:
            await batches.check("c", [rocket])
        assert busy.value.seconds >= 1
        guard.may_end.set()
        assert len(await first) + len(await second) == 3
        assert len(await batches.check("d", [rocket] * 3)) == 3, "alone, any number may wait"

    serve(batches, work)


def test_who_has_gone_is_not_checked(guard: Held, rocket: Image.Image) -> None:
    batches = Batches(guard, most_waiting=64)

    async def work() -> None:
        first = asyncio.create_task(batches.check("a", [rocket]))
        await first_begins(guard)
        gone = asyncio.create_task(batches.check("gone", [rocket]))
        last = asyncio.create_task(batches.check("b", [rocket]))
        await asyncio.sleep(0)
        gone.cancel()
        guard.may_end.set()
        await asyncio.gather(first, last)

    serve(batches, work)
    assert guard.batches == [["a"], ["b"]]


def test_an_error_ends_its_batch_and_no_other(guard: Held, rocket: Image.Image) -> None:
    batches = Batches(guard, most_waiting=64)
    guard.may_end.set()

    async def work() -> None:
        with pytest.raises(ZeroDivisionError):
            await batches.check("bad", [rocket])
        assert len(await batches.check("good", [rocket])) == 1

    serve(batches, work)


def test_what_waits_is_checked_before_the_end(guard: Held, rocket: Image.Image) -> None:
    batches = Batches(guard, most_waiting=64)

    async def run() -> list[list[Verdict]]:
        running = asyncio.create_task(batches.run())
        asked = [asyncio.create_task(batches.check(key, [rocket])) for key in "ab"]
        await first_begins(guard)
        batches.close()
        guard.may_end.set()
        await asyncio.wait_for(running, SECONDS)
        return await asyncio.gather(*asked)

    assert len(asyncio.run(run())) == 2
