"""``Guard.each``: the check of one call while the next one generates, results in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing, is_blank
from PIL import Image

from memguard import ConfigurationError, Guard, MemorizedImageError, UnsupportedOutputError

SECONDS = 60
"""After which a test that waits for another thread has failed."""


class Pipeline:
    """Draws one picture; knows the calls and their threads."""

    def __init__(self) -> None:
        self.seeds: list[int] = []
        self.threads: list[threading.Thread] = []
        self.at_once = 0

    def __call__(self, seed: int) -> list[Image.Image]:
        self.at_once += 1
        assert self.at_once == 1, "two generations at once"
        self.seeds.append(seed)
        self.threads.append(threading.current_thread())
        image = drawing(seed)
        self.at_once -= 1
        return [image]


def calls(*seeds: int) -> list[dict[str, int]]:
    return [{"seed": seed} for seed in seeds]


def test_results_come_in_order_with_their_verdicts(index: Path) -> None:
    watch, pipeline = Guard(index), Pipeline()
    found = list(watch.each(watch.wrap(pipeline), calls(NOVEL, COPY, NOVEL)))
    assert [is_blank(images[0]) for images, _ in found] == [False, True, False]
    assert [verdict.label for _, (verdict,) in found] == ["clear", "memorized", "clear"]
    assert pipeline.seeds == [NOVEL, COPY, NOVEL]
    assert set(pipeline.threads) == {threading.current_thread()}


def test_the_next_call_generates_during_a_check(
    index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, pipeline, second = Guard(index), Pipeline(), threading.Event()
    check = watch._checker.check

    def checked(*args: Any, **kwargs: Any) -> Any:
        assert second.wait(SECONDS), "the check ended before the next call began"
        return check(*args, **kwargs)

    def draw(seed: int) -> list[Image.Image]:
        if pipeline.seeds:
            second.set()
        return pipeline(seed)

    monkeypatch.setattr(watch._checker, "check", checked)
    assert len(list(watch.each(draw, calls(NOVEL, COPY)))) == 2


def test_one_check_waits_at_most(index: Path) -> None:
    watch, pipeline = Guard(index), Pipeline()
    found = watch.each(pipeline, calls(*[NOVEL] * 5))
    assert not pipeline.seeds
    next(found)
    assert len(pipeline.seeds) == 2


def test_an_error_comes_in_its_place(index: Path) -> None:
    watch = Guard(index, policy="raise")
    found = watch.each(Pipeline(), calls(NOVEL, COPY, NOVEL))
    assert next(found)[1][0].label == "clear"
    with pytest.raises(MemorizedImageError):
        next(found)


@pytest.mark.parametrize("where", ["pipeline", "calls"])
def test_an_error_loses_no_image_before_it(index: Path, where: str) -> None:
    def draw(seed: int) -> list[Image.Image]:
        if seed == COPY:
            raise ZeroDivisionError
        return [drawing(seed)]

    def asked() -> Iterator[dict[str, int]]:
        yield {"seed": NOVEL}
        if where == "calls":
            raise ZeroDivisionError
        yield {"seed": COPY}

    found = Guard(index).each(draw, asked())
    assert next(found)[1][0].label == "clear"
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_nothing_is_generated_again_beside_the_next_call(index: Path) -> None:
    watch, pipeline = Guard(index, policy="regenerate"), Pipeline()
    found = list(watch.each(pipeline, calls(COPY, NOVEL, NOVEL, COPY)))
    assert len(found) == 4
    assert len(pipeline.seeds) > 4
    assert [len(verdicts) for _, verdicts in found] == [1] * 4


def test_other_guarded_calls_go_on_as_ever(index: Path) -> None:
    watch = Guard(index)
    inner = watch.wrap(Pipeline())

    def draw(seed: int) -> list[Image.Image]:
        images: list[Image.Image] = inner(seed)
        return [*images, *images]

    ((images, verdicts),) = watch.each(draw, calls(NOVEL))
    assert (len(images), len(verdicts)) == (2, 2)


def test_what_waits_by_itself_is_refused(index: Path) -> None:
    async def later(seed: int) -> list[Image.Image]:
        return [drawing(seed)]

    def items(seed: int) -> Iterator[Image.Image]:
        yield drawing(seed)

    for pipeline in (later, items):
        with pytest.raises(ConfigurationError, match="generators and coroutines"):
            list(Guard(index).each(pipeline, calls(NOVEL)))


def test_calls_that_are_no_mappings_are_refused(index: Path) -> None:
    with pytest.raises(ConfigurationError, match="such as"):
        list(Guard(index).each(Pipeline(), ["a cat"]))  # type: ignore[list-item]


def test_an_output_that_cannot_be_read_is_refused(index: Path) -> None:
    with pytest.raises(UnsupportedOutputError):
        list(Guard(index).each(lambda: object(), [{}]))
