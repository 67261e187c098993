"""A block leaves a trace: lines of the log, and a callback."""

from __future__ import annotations

import asyncio
import contextvars
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from fixtures.guarded_images import COPY, NOVEL, Frozen, counted, drawing, is_blank, two

from memguard import (
    ConfigurationError,
    Guard,
    MemorizedImageError,
    Outcome,
    UnsupportedOutputError,
    guard,
)


def outcomes(index: Path, pipeline: Any, **options: Any) -> list[tuple[str, str]]:
    """Label and action of each image of a call."""
    seen: list[Outcome] = []
    guard(pipeline, index, on_verdict=seen.append, **options)()
    return [(each.verdict.label, each.action) for each in seen]


def test_a_block_is_a_line_of_the_log(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[Outcome] = []
    guarded = guard(two, index, on_verdict=seen.append)
    with caplog.at_level(logging.INFO, "memguard"):
        guarded()
    (line,) = [one for one in caplog.records if one.levelno == logging.INFO]
    novel, copied = seen
    message = line.getMessage()
    assert message.startswith(f"memorized, blocked, request {copied.request}, ")
    assert f"{copied.milliseconds:.0f} ms: " in message
    assert line.memguard == copied.to_log()
    assert json.loads(json.dumps(line.memguard))["match"] == copied.verdict.matches[0].id
    assert novel.request == copied.request
    assert 0 < copied.milliseconds < 60_000
    guarded()
    assert seen[2].request != copied.request


def test_clear_images_are_for_debugging(index: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "memguard"):
        guard(drawing, index)(NOVEL)
    (line,) = [one for one in caplog.records if one.getMessage().startswith("clear, shown")]
    assert line.levelno == logging.DEBUG


def test_what_each_policy_does(index: Path) -> None:
    assert outcomes(index, two) == [("clear", "shown"), ("memorized", "blocked")]
    assert outcomes(index, two, policy="flag")[1] == ("memorized", "shown")
    make = counted([drawing(COPY), drawing(NOVEL)])
    assert outcomes(index, make, policy="regenerate")[1] == ("clear", "regenerated")
    assert outcomes(index, two, policy="regenerate")[1] == ("memorized", "blocked")
    unread = outcomes(index, lambda: None, on_error="pass")
    assert unread == [("unchecked", "shown")]


def test_what_raises_is_reported_too(index: Path) -> None:
    seen: list[Outcome] = []
    with pytest.raises(MemorizedImageError):
        guard(two, index, policy="raise", on_verdict=seen.append)()
    with pytest.raises(UnsupportedOutputError):
        guard(lambda: Frozen([drawing(COPY)]), index, on_verdict=seen.append)()
    assert [each.action for each in seen] == ["raised"] * 3


def test_a_callback_that_fails_changes_nothing(
    index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(outcome: Outcome) -> None:
        raise RuntimeError("no metrics server")

    novel, withheld = guard(two, index, on_verdict=fail)()
    assert not is_blank(novel)
    assert is_blank(withheld)
    assert caplog.text.count("on_verdict failed") == 2


def test_the_callback_sees_the_context_of_the_call(index: Path) -> None:
    request = contextvars.ContextVar[str]("request")
    seen = []

    async def later() -> Any:
        return two()

    async def serve() -> None:
        request.set("request 7")
        await guard(later, index, on_verdict=lambda _: seen.append(request.get()))()

    asyncio.run(serve())
    assert seen == ["request 7"] * 2


def test_a_coroutine_function_would_never_run(index: Path) -> None:
    async def later(outcome: Any) -> None: ...

    for hook in (later, [later]):
        with pytest.raises(ConfigurationError, match="not awaited"):
            Guard(index, on_verdict=hook)
    with pytest.raises(ConfigurationError, match="not async"):
        Guard(index, audit_log=later)
