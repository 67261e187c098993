"""Roll-out: a policy that is watched first, then enforced for a share of the requests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from memguard.errors import ConfigurationError
from memguard.pipelines.outcome import Fate
from memguard.pipelines.policy import Action, Policy
from memguard.verdict import Verdict

Shadow = Literal["shadow"]
"""A policy's name: block, for no request at all."""

HASHED_BYTES = 8
"""Of a key's hash; they are a fraction of 2^64."""

FATES: dict[Action, Fate | None] = {
    "flag": None,
    "block": "blocked",
    "raise": "raised",
    "regenerate": "regenerated",
}
"""What each action does to an image that it acts on."""


@dataclass(frozen=True)
class Rollout:
    """A policy, and for whom it is enforced.

    Attributes:
        policy: what is to be done.
        enforce: the share of request keys for which it is done, in [0, 1].
        on_error: the guard's.
    """

    policy: Policy
    enforce: float
    on_error: str

    @classmethod
    def of(cls, policy: Policy | Action | Shadow, enforce: float, on_error: str) -> Rollout:
        """The roll-out that a guard was asked for.

        Raises:
            ConfigurationError: see :class:`memguard.Policy`; a share outside [0, 1].
        """
        if policy == "shadow":
            return cls(Policy(), 0.0, on_error)
        if not 0 <= enforce <= 1:
            raise ConfigurationError(
                f"enforce is {enforce:g}; it is a share of requests from 0 (none) to 1 (all)"
            )
        return cls(Policy.of(policy), enforce, on_error)

    def enforces(self, key: str) -> bool:
        """Whether the policy is enforced for this request key: always the same, on every machine,
        and for a key that it is enforced for at one share, at every greater one too."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()[:HASHED_BYTES]
        return int.from_bytes(digest, "big") < int(self.enforce * 2.0 ** (8 * HASHED_BYTES))

    def would(self, verdicts: Sequence[Verdict], *, failed: bool = False) -> list[Fate | None]:
        """What would have become of each image; None for one that would have been shown.

        Args:
            verdicts: of one call.
            failed: whether the call would have raised an error of the check.
        """
        fates = [self._fate(verdict) for verdict in verdicts]
        if failed or "raised" in fates:
            return ["raised"] * len(fates)
        return fates

    def _fate(self, verdict: Verdict) -> Fate | None:
        if verdict.label == "unchecked":
            return None if self.on_error == "pass" else "blocked"
        return FATES[self.policy.action] if self.policy.acts_on(verdict) else None
