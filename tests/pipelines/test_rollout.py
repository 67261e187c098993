"""Roll-out: shadow mode, a stable share of requests, what would have been done."""

from __future__ import annotations

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.guarded_images import COPY, NOVEL, QUICK, drawing, generator, is_blank, two, unit

from memguard import ConfigurationError, Guard, MemorizedImageError, Outcome, guard, request_key
from memguard.pipelines.policy import Policy
from memguard.pipelines.rollout import Rollout
from memguard.verdict import Verdict


def watched(index: Path, pipeline: Any, *args: Any, **options: Any) -> tuple[Any, list[Any]]:
    """What a guarded call shows, and label, action and would of each image."""
    seen: list[Outcome] = []
    shown = guard(pipeline, index, on_verdict=seen.append, **options)(*args)
    return shown, [(one.verdict.label, one.action, one.would) for one in seen]


def test_the_shadow_changes_nothing_and_says_what_it_would_do(
    index: Path, caplog: pytest.LogCaptureFixture
) -> None:
    images = two()
    with caplog.at_level(logging.INFO, "memguard"):
        shown, seen = watched(index, lambda: images, policy="shadow")
    assert shown is images
    assert seen == [("clear", "shown", None), ("memorized", "shown", "blocked")]
    (line,) = [one for one in caplog.records if one.levelno == logging.INFO]
    assert line.getMessage().startswith("memorized, shown, would have been blocked, request ")
    assert line.memguard["would"] == "blocked"


@pytest.mark.parametrize(
    ("policy", "would"),
    [
        ("flag", [None, None]),
        ("block", [None, "blocked"]),
        ("raise", ["raised", "raised"]),
        ("regenerate", [None, "regenerated"]),
    ],
)
def test_what_each_policy_would_do(index: Path, policy: Any, would: Any) -> None:
    images = two()
    shown, seen = watched(index, lambda: images, policy=policy, enforce=0)
    assert shown is images
    assert [one[1] for one in seen] == ["shown", "shown"]
    assert [one[2] for one in seen] == would


@pytest.mark.parametrize(
    ("on_error", "would"), [("block", "blocked"), ("raise", "raised"), ("pass", None)]
)
def test_a_check_that_fails_in_the_shadow_changes_nothing(
    own_index: Path, on_error: Any, would: Any
) -> None:
    images = two()
    seen: list[Outcome] = []
    guarded = guard(
        lambda: images, own_index, policy="shadow", on_error=on_error, on_verdict=seen.append
    )
    shutil.rmtree(own_index / "records.lance")
    assert guarded() is images
    assert [(one.verdict.label, one.action, one.would) for one in seen] == [
        ("unchecked", "shown", would)
    ] * 2
    assert [verdict.label for verdict in guarded.last_verdicts] == ["unchecked"] * 2


def test_what_cannot_be_read_passes_in_the_shadow(index: Path, pipeline: Any) -> None:
    answer = object()
    shown, seen = watched(index, lambda: answer, policy="shadow")
    assert shown is answer
    assert seen == [("unchecked", "shown", "raised")]
    guarded = guard(pipeline, index, policy="shadow")
    latents = guarded("the sea", **QUICK, generator=generator(), output_type="latent")
    plain = pipeline("the sea", **QUICK, generator=generator(), output_type="latent")
    assert np.array_equal(latents.images, plain.images)
    assert [verdict.label for verdict in guarded.last_verdicts] == ["unchecked"]


def test_only_the_image_with_nan_would_be_withheld(index: Path) -> None:
    images = np.stack([unit(NOVEL), unit(NOVEL + 1)])
    images[1, 0, 0, 0] = np.nan
    _, seen = watched(index, lambda: images, policy="shadow")
    assert seen == [("clear", "shown", None), ("unchecked", "shown", "blocked")]


def test_the_same_key_gives_the_same_answer(index: Path) -> None:
    guarded = guard(drawing, index, enforce=0.3)
    rollout = Rollout(Policy(), 0.3, "block")
    blocked = {}
    for number in range(20):
        with request_key(f"user {number}"):
            blocked[number] = is_blank(guarded(COPY))
    assert blocked == {n: rollout.enforces(f"user {n}") for n in range(20)}
    assert {*blocked.values()} == {True, False}


def test_the_share_is_kept_and_only_grows() -> None:
    keys = [f"key {number}" for number in range(20_000)]
    shares = {share: Rollout(Policy(), share, "block") for share in (0.0, 0.1, 0.5, 1.0)}
    enforced = {
        share: {key for key in keys if rollout.enforces(key)} for share, rollout in shares.items()
    }
    assert len(enforced[0.0]) == 0
    assert len(enforced[1.0]) == len(keys)
    assert abs(len(enforced[0.1]) - 2000) < 5 * (20_000 * 0.1 * 0.9) ** 0.5
    assert abs(len(enforced[0.5]) - 10_000) < 5 * (20_000 * 0.5 * 0.5) ** 0.5
    assert enforced[0.1] < enforced[0.5]


def test_another_process_decides_alike() -> None:
    code = (
        "from memguard.pipelines.rollout import Rollout; from memguard import Policy; "
        "print([n for n in range(100) if Rollout(Policy(), 0.2, 'block').enforces(f'key {n}')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    here = [n for n in range(100) if Rollout(Policy(), 0.2, "block").enforces(f"key {n}")]
    assert done.stdout == f"{here}\n"


def test_it_can_change_while_the_guard_serves(index: Path) -> None:
    checker = Guard(index, policy="shadow")
    guarded = checker.wrap(drawing)
    assert not is_blank(guarded(COPY))
    checker.enforce = 1.0
    assert is_blank(guarded(COPY))
    checker.policy = Policy("raise")
    with pytest.raises(MemorizedImageError):
        guarded(COPY)


@pytest.mark.parametrize("enforce", [-0.1, 1.1, float("nan")])
def test_what_is_no_share(index: Path, enforce: float) -> None:
    with pytest.raises(ConfigurationError, match=r"a share of requests from 0 \(none\) to 1"):
        guard(two, index, enforce=enforce)


def test_a_call_that_would_have_raised_shows_none_of_its_images() -> None:
    rollout = Rollout(Policy("raise", at="similar"), 0.0, "block")
    clear, similar = Verdict("clear", 0.0), Verdict("similar", 0.6)
    assert rollout.would([clear, similar]) == ["raised", "raised"]
    assert rollout.would([clear, clear]) == [None, None]
    assert rollout.would([clear], failed=True) == ["raised"]
