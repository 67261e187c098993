"""Processor time of each step of a query, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from benchmarks.detection.wrapped_descriptor import WrappedDescriptor
from memguard.descriptors import Descriptor
from memguard.detection.detector import Detector
from memguard.detection.verification import verify
from memguard.index.local import DirectoryIndex
from memguard.index.record import Record
from memguard.index.store.manifest import Manifest
from memguard.vision.picture import Picture


class Clock:
    """Adds up the processor time of named steps, without that of the steps inside them."""

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
        """The function as a step."""

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.step(name):
                return function(*args, **kwargs)

        return wrapper


class TimedDescriptor(WrappedDescriptor):
    """A descriptor as a step; SSCD is one of its own."""

    def __init__(self, inner: Descriptor, clock: Clock) -> None:
        super().__init__(inner)
        self.clock = clock
        self.step = inner.spec.name if inner.spec.name == "sscd" else "descriptors"
        self.prepare = clock.timed(self.step, inner.prepare)

    def describe(self, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
        with self.clock.step(self.step):
            return super().describe(prepared)


class TimedIndex(DirectoryIndex):
    """An index whose searches and look-ups are steps."""

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.clock = clock
        super().__init__(directory, Manifest.read(directory))

    def search(self, name: str, queries: NDArray[Any], k: int) -> Any:
        with self.clock.step("search"):
            return super().search(name, queries, k)

    def take(self, rows: Sequence[int]) -> list[Record]:
        with self.clock.step("fetching references"):
            return super().take(rows)


class TimedDetector(Detector):
    """A detector whose descriptors and verification are steps."""

    def __init__(
        self, index: TimedIndex, descriptors: Sequence[Descriptor], *, thorough: bool
    ) -> None:
        self.clock = index.clock
        super().__init__(
            index,
            [TimedDescriptor(descriptor, self.clock) for descriptor in descriptors],
            thorough=thorough,
            verify=self.clock.timed("verification", verify),
        )


def milliseconds_per_image(
    index: Path, descriptors: Sequence[Descriptor], images: Sequence[Image.Image], *, thorough: bool
) -> dict[str, float]:
    """Mean of each step, and in total; images are queried one by one."""
    clock = Clock()
    detector = TimedDetector(TimedIndex(index, clock), descriptors, thorough=thorough)
    detector.find_matches([Picture(images[0])])
    clock.seconds.clear()
    for image in images:
        with clock.step("the rest"):
            picture = Picture(image)
            with clock.step("SIFT"):
                _ = picture.features
            detector.find_matches([picture])
    steps = {name: 1000 * s / len(images) for name, s in clock.seconds.items()}
    return {name: round(ms, 1) for name, ms in (steps | {"total": sum(steps.values())}).items()}
