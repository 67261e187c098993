"""How long the steps of one query take, in milliseconds of one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from PIL import Image

from memguard.descriptors import Descriptor
from memguard.detection.detector import Detector
from memguard.detection.verification import verify
from memguard.index import Index
from memguard.vision.picture import Picture


class Clock:
    """Adds up the processor time of named steps; a step inside a step counts for itself alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.process_time()
        self._inner.append(0.0)
        yield
        whole = time.process_time() - started
        own = whole - self._inner.pop()
        self.seconds[name] = self.seconds.get(name, 0.0) + own
        if self._inner:
            self._inner[-1] += whole

    def timed(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.step(name):
                return function(*args, **kwargs)

        return wrapper


class TimedDescriptor:
    def __init__(self, inner: Descriptor, clock: Clock) -> None:
        self.spec = inner.spec
        step = inner.spec.name if inner.spec.name == "sscd" else "descriptors"
        self.prepare = clock.timed(step, inner.prepare)
        self.describe = clock.timed(step, inner.describe)


def milliseconds(
    index: Index, descriptors: Sequence[Descriptor], images: Sequence[Image.Image], thorough: bool
) -> dict[str, float]:
    """Milliseconds per image of each step, and in total; images are queried one by one."""
    clock = Clock()
    timed = [TimedDescriptor(descriptor, clock) for descriptor in descriptors]
    verification = clock.timed("verification", verify)
    detector = Detector(index, timed, thorough=thorough, verify=verification)
    index.search = clock.timed("search", index.search)  # type: ignore[method-assign]
    index.take = clock.timed("fetching references", index.take)  # type: ignore[method-assign]
    detector._compare = clock.timed("comparing rows", detector._compare)  # type: ignore[method-assign]
    try:
        detector.find_matches([Picture(images[0])])
        clock.seconds.clear()
        for image in images:
            with clock.step("the rest"):
                picture = Picture(image)
                with clock.step("SIFT"):
                    _ = picture.features
                detector.find_matches([picture])
    finally:
        del index.search, index.take
    steps = {name: 1000 * s / len(images) for name, s in clock.seconds.items()}
    return {name: round(ms, 1) for name, ms in (steps | {"total": sum(steps.values())}).items()}
