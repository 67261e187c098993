"""Policies: on which verdicts they act, and what each action does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from fixtures.guarded_images import (
    COPY,
    NOVEL,
    QUICK,
    drawing,
    generator,
    is_blank,
    shows_the_sea,
    two,
)
from fixtures.seeded_models import PIXELS
from PIL import Image

from memguard import Guard, guard
from memguard.errors import ConfigurationError, MemorizedImageError
from memguard.pipelines.policy import ACTIONS, Action, Policy
from memguard.verdict import Label, Verdict


@pytest.mark.parametrize("action", ["flag", "block", "raise", "regenerate"])
def test_an_action_s_name_is_a_policy(action: Any) -> None:
    policy = Policy.of(action)
    assert policy == Policy(action, at="memorized", attempts=3)
    assert Policy.of(policy) is policy


def test_type_checkers_know_every_action() -> None:
    assert set(get_args(Action)) == set(ACTIONS)


@pytest.mark.parametrize(
    ("label", "memorized", "similar"),
    [
        ("memorized", True, True),
        ("similar", False, True),
        ("clear", False, False),
        ("uninformative", False, False),
        ("unchecked", False, False),
    ],
)
def test_which_verdicts_it_acts_on(label: Label, memorized: bool, similar: bool) -> None:
    verdict = Verdict(label, 1.0)
    assert Policy(at="memorized").acts_on(verdict) is memorized
    assert Policy(at="similar").acts_on(verdict) is similar


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"action": "blok"}, "unknown policy 'blok'; choose one of flag, block, raise, regenerate"),
        ({"at": "clear"}, "acts at 'memorized' or 'similar', not 'clear'"),
        ({"attempts": 0}, "attempts must be at least 1, not 0"),
    ],
)
def test_what_is_no_policy(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Policy(**options)


def test_flag_leaves_the_images_untouched(pipeline: Any, index: Path) -> None:
    assert shows_the_sea(guard(pipeline, index, policy="flag"))
    original = two()
    assert guard(lambda: original, index, policy="flag")() is original


def test_block_says_nothing_of_the_image(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index)
    output = guarded("the sea", **QUICK, generator=generator())
    assert not output.images[0].info
    assert output.images[0].getcolors() == [(PIXELS * PIXELS, (127, 127, 127))]


def test_raise_tells_the_operator_and_not_the_user(pipeline: Any, index: Path) -> None:
    guarded = guard(pipeline, index, policy="raise")
    with pytest.raises(MemorizedImageError) as caught:
        guarded("the sea", **QUICK, generator=generator())
    (verdict,) = caught.value.verdicts
    assert guarded.last_verdicts == caught.value.verdicts
    match = verdict.matches[0]
    assert Path(match.uri).name == "sea.png"
    for secret in (match.id, match.uri, "sea", str(index.parent), verdict.why):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    guarded("a castle", **QUICK, generator=torch.Generator().manual_seed(6))
    assert len(guarded.last_verdicts) == 1


def test_an_action_from_similar_on(index: Path) -> None:
    checker = Guard(index, policy=Policy("block", at="similar"))
    fading = [Image.blend(drawing(COPY), drawing(NOVEL), step / 100) for step in range(0, 101, 5)]
    labels = [verdict.label for verdict in checker.check(fading)]
    similar = fading[labels.index("similar")]
    assert labels[0] == "memorized"
    assert is_blank(checker.wrap(lambda: similar)())
    assert is_blank(checker.wrap(lambda: fading[0])())
    assert not is_blank(guard(lambda: similar, index)())
