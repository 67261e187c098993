"""Errors: one base class, and no message that shows a match to an end user."""

from __future__ import annotations

import inspect

from memguard import errors
from memguard.errors import MemguardError, MemorizedImageError
from memguard.verdict import Match, Verdict


def test_one_base_class_catches_all() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
    own = [kind for kind in kinds if kind.__module__ == errors.__name__]
    assert len(own) > 5
    assert all(issubclass(kind, MemguardError) for kind in own)


def test_a_withheld_image_does_not_name_its_match() -> None:
    match = Match("a" * 32, "/secret/cat.jpg", "as is", {"l2": 0.01}, caption="my cat")
    verdict = Verdict("memorized", 2.0, matches=(match,), why="near /secret/cat.jpg")
    error = MemorizedImageError([verdict])
    assert error.verdicts == (verdict,)
    assert not any(word in str(error) for word in ("secret", "cat", "a" * 32))
