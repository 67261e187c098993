"""Policies: what is a policy, and on which verdicts it acts."""

from __future__ import annotations

from typing import Any

import pytest

from memguard.errors import ConfigurationError
from memguard.pipelines.policy import Policy
from memguard.verdict import Label, Verdict


@pytest.mark.parametrize("action", ["flag", "block", "raise", "regenerate"])
def test_an_action_s_name_stands_for_a_policy(action: Any) -> None:
    policy = Policy.of(action)
    assert policy == Policy(action, at="memorized", attempts=3)
    assert Policy.of(policy) is policy


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
