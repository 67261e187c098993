"""``guard`` keeps the class of objects; of functions it keeps parameters and result, and adds the
verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

from PIL import Image
from typing_extensions import assert_type

from memguard import (
    Guard,
    Guarded,
    Index,
    Outcome,
    Policy,
    SafetyChecker,
    Verdict,
    guard,
    guarded,
)


class Pipeline:
    """A pipeline class of the user's own."""

    steps: int = 50

    def __call__(self, prompt: str, *, seed: int = 0) -> list[Image.Image]:
        return [Image.new("RGB", (8, 8))]

    def to(self, device: str) -> Pipeline:
        return self


def draw(prompt: str, count: int = 1) -> list[Image.Image]:
    """A function of the user's own."""
    return [Image.new("RGB", (8, 8))] * count


pipe = Pipeline()
pipe = guard(pipe, index="training.memguard")
assert_type(pipe, Pipeline)
assert_type(pipe("a prompt", seed=1), list[Image.Image])
assert_type(pipe.to("cuda").steps, int)

safe_draw = guard(draw, policy=Policy("regenerate", at="similar", attempts=5))
assert_type(safe_draw("a prompt", count=2), list[Image.Image])

watch = Guard("training.memguard", policy="raise", on_error="raise", thorough=True)
assert_type(watch.wrap(pipe), Pipeline)
function: Callable[[str], list[Image.Image]] = watch.wrap(draw)

# --- verdicts ---

Verdicts = tuple[Verdict, ...]
assert_type(safe_draw.last_verdicts, Verdicts)
assert_type(safe_draw.guard.reload(), Index)
assert_type(guard(Pipeline().__call__).last_verdicts, Verdicts)
assert_type(guard(lambda: [Image.new("RGB", (8, 8))])(), list[Image.Image])
assert_type(guard(partial(draw, count=2)), partial[list[Image.Image]])
assert isinstance(pipe, Guarded)
assert_type(pipe.last_verdicts, Verdicts)
assert_type(pipe.guard.reload(), Index)
assert_type(pipe.steps, int)


def show(outcome: Outcome) -> None:
    """Count, for example."""
    assert_type(outcome.verdict, Verdict)
    print(outcome.action, outcome.request, outcome.milliseconds)


guard(draw, on_verdict=show)


# --- methods, dynamic objects, anything ---


class Studio:
    """A class that guards one of its methods."""

    @watch.wrap
    def make(self, prompt: str) -> list[Image.Image]:
        """Make one."""
        return draw(prompt)


assert_type(Studio().make("a prompt"), list[Image.Image])
assert_type(Studio().make.last_verdicts, Verdicts)


class Workshop:
    """A class whose methods are guarded by the decorator."""

    @guarded(index="training.memguard", policy="raise")
    def make(self, prompt: str) -> list[Image.Image]:
        """Make one."""
        return draw(prompt)

    @guarded()
    async def make_later(self, prompt: str) -> Image.Image:
        """Make one, later."""
        return Image.new("RGB", (8, 8))


@guarded(index="training.memguard")
def sketch(prompt: str, count: int = 1) -> list[Image.Image]:
    """A guarded function."""
    return draw(prompt, count)


assert_type(Workshop().make("a prompt"), list[Image.Image])
assert_type(Workshop().make.last_verdicts, Verdicts)
assert_type(sketch("a prompt", count=2), list[Image.Image])
assert_type(sketch.last_verdicts, Verdicts)
assert_type(partial(sketch, count=2)("a prompt"), list[Image.Image])
checker: Callable[..., tuple[Any, list[bool]]] = SafetyChecker("training.memguard", policy="block")


class Dynamic:
    """A pipeline whose attributes are not declared, as in diffusers."""

    def __call__(self, prompt: str) -> list[Image.Image]:
        return draw(prompt)

    def __getattr__(self, name: str) -> Any:
        return name


assert_type(guard(Dynamic()), Dynamic)
anything: Any = draw
assert_type(guard(anything), Any)

# --- output and verdicts together; now, later, one after the other ---


async def later(prompt: str) -> Image.Image:
    """A coroutine function."""
    return Image.new("RGB", (8, 8))


def each(prompt: str) -> Iterator[Image.Image]:
    """A generator."""
    yield Image.new("RGB", (8, 8))


async def each_later(prompt: str) -> AsyncIterator[Image.Image]:
    """An async generator."""
    yield Image.new("RGB", (8, 8))


One = tuple[Image.Image, list[Verdict]]
assert_type(watch.call(draw, "a prompt", count=2), tuple[list[Image.Image], list[Verdict]])
assert_type(watch.call(safe_draw, "a prompt"), tuple[list[Image.Image], list[Verdict]])
assert_type(watch.call(each, "a prompt"), Iterator[One])
assert_type(watch.call(each_later, "a prompt"), AsyncIterator[One])


async def serve() -> None:
    """Await guarded calls."""
    assert_type(await guard(later)("a prompt"), Image.Image)
    assert_type(await Workshop().make_later("a prompt"), Image.Image)
    assert_type(await watch.call(later, "a prompt"), One)
    await asyncio.to_thread(safe_draw.guard.call, safe_draw, "a prompt")
