"""What to do about a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from memguard.errors import ConfigurationError
from memguard.verdict import Label, Verdict

Action = Literal["flag", "block", "raise", "regenerate"]
"""``flag``: images untouched. ``block``: a neutral placeholder instead. ``raise``:
:class:`memguard.MemorizedImageError`. ``regenerate``: run again for just this image, then block."""

ATTEMPTS = 3
"""Regenerations before a memorized image is blocked after all."""


@dataclass(frozen=True)
class Policy:
    """An action, and the label from which it applies.

    Attributes:
        action: see :data:`Action`.
        at: ``"memorized"`` acts on copies only, ``"similar"`` on flagged images too.
        attempts: for ``regenerate``, at most this many new tries per image, at least 1.
    """

    action: Action = "block"
    at: Literal["memorized", "similar"] = "memorized"
    attempts: int = ATTEMPTS

    def __post_init__(self) -> None:
        if self.action not in get_args(Action):
            raise ConfigurationError(
                f"unknown policy {self.action!r}; choose one of {', '.join(get_args(Action))}"
            )
        if self.at not in ("memorized", "similar"):
            raise ConfigurationError(f"a policy acts at 'memorized' or 'similar', not {self.at!r}")
        if self.attempts < 1:
            raise ConfigurationError(f"attempts must be at least 1, not {self.attempts}")

    @classmethod
    def of(cls, policy: Policy | Action) -> Policy:
        """The policy itself, or the one that an action's name stands for."""
        return policy if isinstance(policy, Policy) else cls(policy)

    def acts_on(self, verdict: Verdict) -> bool:
        """Whether this verdict calls for the action (an ``unchecked`` one never does)."""
        labels: tuple[Label, ...] = (
            ("memorized",) if self.at == "memorized" else ("memorized", "similar")
        )
        return verdict.label in labels
