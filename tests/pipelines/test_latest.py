"""Whose verdicts they are: threads, tasks, copies of contexts, and the state before any call."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, drawing, is_blank

from memguard import CheckFailedError, Guard, NoVerdictsError, guard
from memguard.pipelines.latest import keep, keep_all, latest
from memguard.verdict import Verdict

ONE = (Verdict("clear", 0.0),)


class Owner:
    """Stands for a guard."""


def test_no_call_yet_is_not_no_copies(index: Path) -> None:
    guarded = guard(drawing, index)
    for asked in (guarded, guarded.guard):
        with pytest.raises(NoVerdictsError, match=r"no guarded call .* here yet; .*\.call"):
            asked.last_verdicts  # noqa: B018
    guarded(NOVEL)
    assert [verdict.label for verdict in guarded.last_verdicts] == ["clear"]


def test_a_call_that_was_not_checked_has_no_verdicts(index: Path) -> None:
    def make(seed: int) -> Any:
        if seed < 0:
            raise ValueError("no such seed")
        return drawing(seed)

    guarded = guard(make, index)
    guarded(NOVEL)
    with pytest.raises(ValueError, match="no such seed"):
        guarded(-1)
    with pytest.raises(NoVerdictsError, match="ended before its images were checked"):
        guarded.last_verdicts  # noqa: B018


def test_a_thread_takes_its_verdicts_along(index: Path) -> None:
    guarded = guard(drawing, index)

    async def serve() -> None:
        await asyncio.to_thread(guarded, COPY)
        with pytest.raises(NoVerdictsError):
            guarded.last_verdicts  # noqa: B018
        image, (verdict,) = await asyncio.to_thread(guarded.guard.call, guarded, COPY)
        assert is_blank(image)
        assert verdict.label == "memorized"

    asyncio.run(serve())


def test_tasks_have_verdicts_of_their_own(index: Path) -> None:
    guarded = guard(drawing, index)

    async def serve(seed: int) -> str:
        guarded(seed)
        await asyncio.sleep(0)
        return Path(guarded.last_verdicts[0].matches[0].uri).name

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*map(serve, (1, 2, 3)))

    assert asyncio.run(all_of_them()) == ["1.png", "2.png", "3.png"]


def test_call_gives_the_output_with_its_verdicts(index: Path) -> None:
    watch = Guard(index, policy="flag")
    for pipeline in (drawing, watch.wrap(drawing)):
        image, verdicts = watch.call(pipeline, seed=COPY)
        assert not is_blank(image)
        assert [verdict.label for verdict in verdicts] == ["memorized"]


def test_call_passes_errors_on(own_index: Path) -> None:
    watch = Guard(own_index, on_error="raise")
    (own_index / "manifest.json").unlink()
    for table in own_index.glob("*.lance/data/*"):
        table.unlink()
    with pytest.raises(CheckFailedError):
        watch.call(drawing, COPY)


def test_by_owner_and_context() -> None:
    one, other = Owner(), Owner()
    keep(one, ONE)
    context = contextvars.copy_context()
    context.run(keep, one, None)
    context.run(keep, other, ONE)
    assert latest(one) == ONE
    with pytest.raises(NoVerdictsError):
        latest(other)
    keep_all(context)
    assert latest(other) == ONE
    with pytest.raises(NoVerdictsError):
        latest(one)


def test_a_context_keeps_no_guard_alive() -> None:
    owner = Owner()
    keep(owner, ONE)
    gone = weakref.ref(owner)
    del owner
    gc.collect()
    assert gone() is None
