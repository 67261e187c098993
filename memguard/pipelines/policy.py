"""What to do about verdicts: the policy of a guard, and its actions.

An action is one function and its line in :data:`ACTIONS`; a new one also gets its name in
:data:`Action`, for type checkers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from memguard.errors import ConfigurationError, MemorizedImageError
from memguard.pipelines.checked_output import CheckedOutput
from memguard.verdict import Label, Verdict

Action = Literal["flag", "block", "raise", "regenerate"]
"""``flag``: images untouched. ``block``: a neutral placeholder instead. ``raise``:
:class:`memguard.MemorizedImageError`. ``regenerate``: run again for just this image, then block."""

Severity = Literal["memorized", "similar"]

LABELS: Mapping[Severity, tuple[Label, ...]] = {
    "memorized": ("memorized",),
    "similar": ("memorized", "similar"),
}
"""The labels that a policy acts on, by its ``at``."""

ATTEMPTS = 3
"""Regenerations before a memorized image is blocked after all."""


@dataclass(frozen=True)
class Policy:
    """An action, and the label from which it applies.

    Attributes:
        action: see :data:`Action`.
        at: ``"memorized"`` acts on copies only, ``"similar"`` on flagged images too.
        attempts: for ``regenerate``, at most this many new tries per image, at least 1.

    Raises:
        ConfigurationError: an unknown action or ``at``, or no attempts.
    """

    action: Action = "block"
    at: Severity = "memorized"
    attempts: int = ATTEMPTS

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ConfigurationError(
                f"unknown policy {self.action!r}; choose one of {', '.join(ACTIONS)}"
            )
        if self.at not in LABELS:
            names = " or ".join(map(repr, get_args(Severity)))
            raise ConfigurationError(f"a policy acts at {names}, not {self.at!r}")
        if self.attempts < 1:
            raise ConfigurationError(f"attempts must be at least 1, not {self.attempts}")

    @classmethod
    def of(cls, policy: Policy | Action) -> Policy:
        """The policy itself, or the one with this action."""
        return policy if isinstance(policy, Policy) else cls(policy)

    def acts_on(self, verdict: Verdict) -> bool:
        """Whether this verdict calls for the action (an ``unchecked`` one never does)."""
        return verdict.label in LABELS[self.at]

    def apply(self, output: CheckedOutput) -> None:
        """Take the action on the images of one call.

        Raises:
            MemorizedImageError: the action is ``raise``, and it acts on one of the images.
        """
        ACTIONS[self.action](output, self)


def _flag(output: CheckedOutput, policy: Policy) -> None:
    """Leave every image as it is."""


def _block(output: CheckedOutput, policy: Policy) -> None:
    """Show a placeholder instead of each image that the policy acts on."""
    for position, verdict in enumerate(output.verdicts):
        if policy.acts_on(verdict):
            output.withhold(position, LABELS[policy.at])


def _raise(output: CheckedOutput, policy: Policy) -> None:
    """Raise an error if the policy acts on any image."""
    if any(map(policy.acts_on, output.verdicts)):
        raise MemorizedImageError(output.verdicts)


def _regenerate(output: CheckedOutput, policy: Policy) -> None:
    """Make each image that the policy acts on again, and block it after the last attempt."""
    for position in range(len(output.verdicts)):
        for attempt in range(1, policy.attempts + 1):
            if not policy.acts_on(output.verdicts[position]):
                break
            output.regenerate(position, attempt)
    _block(output, policy)


ACTIONS: Mapping[Action, Callable[[CheckedOutput, Policy], None]] = {
    "flag": _flag,
    "block": _block,
    "raise": _raise,
    "regenerate": _regenerate,
}
