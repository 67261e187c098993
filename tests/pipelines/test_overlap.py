"""``Guard.each``: the check of one call while the next one generates, results in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
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


def test_an_error_of_a_check_comes_in_its_place(index: Path) -> None:
    found = Guard(index, policy="raise").each(Pipeline(), calls(NOVEL, COPY, NOVEL))
    assert next(found)[1][0].label == "clear"
    with pytest.raises(MemorizedImageError):
        next(found)
    assert list(found) == []


@pytest.mark.parametrize("where", ["pipeline", "calls"])
def test_an_error_loses_no_image_before_it(index: Path, where: str) -> None:
    made = []

    def draw(seed: int) -> list[Image.Image]:
        made.append(seed)
        if seed == COPY:
            raise ZeroDivisionError
        return [drawing(seed)]

    def asked() -> Iterator[dict[str, int]]:
        yield {"seed": NOVEL}
        if where == "calls":
            raise ZeroDivisionError
        yield {"seed": COPY}
        yield {"seed": NOVEL}

    found = Guard(index).each(draw, asked())
    assert next(found)[1][0].label == "clear"
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert made == [NOVEL, COPY][: 2 if where == "pipeline" else 1], "nothing follows an error"


class Canvas:
    """A pipeline that always draws in the same place."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.array = np.asarray(drawing(NOVEL)).copy()
        self.image = drawing(NOVEL)

    def __call__(self, seed: int) -> Any:
        picture = drawing(seed)
        if self.kind == "pil":
            self.image.paste(picture)
            return [self.image]
        self.array[...] = np.asarray(picture)
        return {"images": self.array[None] if self.kind == "np" else torch.from_numpy(self.array)}


@pytest.mark.parametrize("kind", ["pil", "np", "pt"])
def test_what_is_handed_out_is_what_was_checked(index: Path, kind: str) -> None:
    """Although the pipeline has drawn the next image over it by then."""
    found = Guard(index).each(Canvas(kind), calls(NOVEL, COPY, NOVEL + 1))
    for expected, (output, (verdict,)) in zip((NOVEL, COPY, NOVEL + 1), found, strict=True):
        image = np.asarray(output[0] if kind == "pil" else output["images"]).squeeze()
        if expected == COPY:
            assert verdict.label == "memorized"
            assert np.ptp(image) == 0
        else:
            assert verdict.label == "clear"
            assert np.array_equal(image, np.asarray(drawing(expected)))


class Uncopied(list[Image.Image]):
    """An output that cannot be copied."""

    def __deepcopy__(self, memo: object) -> NoReturn:
        raise TypeError


def test_what_cannot_be_copied_is_checked_at_once(index: Path) -> None:
    found = Guard(index).each(lambda seed: Uncopied([drawing(seed)]), calls(NOVEL, COPY))
    assert [verdict.label for _, (verdict,) in found] == ["clear", "memorized"]


def test_the_latest_verdicts_are_those_of_the_loop(index: Path) -> None:
    watch = Guard(index)
    watch.call(Pipeline(), seed=NOVEL)
    found = watch.each(Pipeline(), calls(COPY))
    for _, verdicts in found:
        assert watch.last_verdicts == tuple(verdicts)
        assert verdicts[0].label == "memorized"


def test_a_partial_of_a_guarded_pipeline(index: Path) -> None:
    watch, pipeline = Guard(index), Pipeline()
    part = partial(watch.wrap(pipeline), seed=COPY)
    ((_, (verdict,)),) = watch.each(part, [{}])
    assert verdict.label == "memorized"
    assert watch.call(part)[1][0].label == "memorized"
    assert watch.call(watch.wrap(pipeline).__call__, COPY)[1][0].label == "memorized"
    with pytest.raises(ConfigurationError, match="guarded already"):
        watch.wrap(part)


def test_who_stops_looking_waits_for_no_generation(index: Path) -> None:
    watch, pipeline = Guard(index, policy="regenerate"), Pipeline()
    found = watch.each(pipeline, calls(NOVEL, COPY))
    next(found)
    found.close()
    assert pipeline.seeds == [NOVEL, COPY]


def test_images_are_generated_again_in_the_callers_thread(index: Path) -> None:
    watch, pipeline = Guard(index, policy="regenerate"), Pipeline()
    found = list(watch.each(pipeline, calls(COPY, NOVEL, NOVEL, COPY)))
    assert len(found) == 4
    assert len(pipeline.seeds) > 4
    assert {verdict.attempt for _, (verdict,) in found} > {0}
    assert set(pipeline.threads) == {threading.current_thread()}


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
        list(Guard(index).each(Pipeline(), ["a cat"]))
    with pytest.raises(ConfigurationError, match="not a NoneType"):
        list(Guard(index).each(Pipeline(), [*calls(NOVEL), None, *calls(NOVEL)]))


def test_an_output_that_cannot_be_read_is_refused(index: Path) -> None:
    with pytest.raises(UnsupportedOutputError):
        list(Guard(index).each(lambda: object(), [{}]))
