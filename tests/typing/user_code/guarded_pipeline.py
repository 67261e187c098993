"""``guard`` keeps the type of what it wraps: calls, attributes and subclasses check as before."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image
from typing_extensions import assert_type

from memguard import Guard, Policy, guard


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
