"""Checks of concurrent requests, several in one batch, and no more waiting than is allowed.

While one batch is checked, requests wait; all that wait are the next batch, up to
:data:`BATCH_IMAGES`. So a lone request waits for nothing, and a busy service gains what batches
save.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image

from memguard.pipelines.guard import Guard
from memguard.verdict import Verdict

BATCH_IMAGES = 8
"""Images from which on a batch is full; more save little (docs/benchmarks.md)."""
SMOOTHING = 0.2
"""Weight of the latest batch in the mean time of an image."""


class BusyError(Exception):
    """Too many images wait already.

    Attributes:
        seconds: after which there should be room.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many images are waiting; try again in {seconds} s")
        self.seconds = seconds


@dataclass
class _Waiting:
    key: str
    images: Sequence[Image.Image]
    answer: asyncio.Future[list[Verdict]] = field(repr=False)


class Batches:
    """The queue of a service, and the one task that empties it (:meth:`run`).

    Args:
        guard: what checks.
        most_waiting: images that may wait, besides those that are being checked.
    """

    def __init__(self, guard: Guard, most_waiting: int) -> None:
        self._guard = guard
        self._most_waiting = most_waiting
        self._queue: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="memguard-check")
        self._seconds = 0.0
        self._closing = False

    @property
    def waiting(self) -> int:
        """Images that wait."""
        return sum(len(one.images) for one in self._queue)

    async def check(self, key: str, images: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image, when it is their turn.

        Args:
            key: of the request, which no other has.
            images: decoded.

        Raises:
            BusyError: too many wait.
            What :meth:`memguard.Guard.check_together` raises.
        """
        waiting = self.waiting
        if waiting and waiting + len(images) > self._most_waiting:
            raise BusyError(max(1, math.ceil(waiting * self._seconds)))
        one = _Waiting(key, images, asyncio.get_running_loop().create_future())
        self._queue.append(one)
        self._arrived.set()
        return await one.answer

    async def run(self) -> None:
        """Check what waits, until :meth:`close`."""
        loop = asyncio.get_running_loop()
        while self._queue or not self._closing:
            batch = self._next()
            if not batch:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            began = loop.time()
            try:
                verdicts = await loop.run_in_executor(
                    self._thread, self._guard.check_together, {one.key: one.images for one in batch}
                )
            except Exception as error:
                for one in batch:
                    if not one.answer.done():
                        one.answer.set_exception(error)
                continue
            taken = (loop.time() - began) / sum(len(one.images) for one in batch)
            self._seconds += SMOOTHING * (taken - self._seconds) if self._seconds else taken
            for one in batch:
                if not one.answer.done():
                    one.answer.set_result(verdicts[one.key])
        self._thread.shutdown()

    def close(self) -> None:
        """Let :meth:`run` end when all that waits is checked."""
        self._closing = True
        self._arrived.set()

    def _next(self) -> list[_Waiting]:
        """The requests of the next batch; those whose client has gone are dropped."""
        batch: list[_Waiting] = []
        images = 0
        while self._queue and images < BATCH_IMAGES:
            one = self._queue.popleft()
            if not one.answer.done():
                batch.append(one)
                images += len(one.images)
        return batch
