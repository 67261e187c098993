"""What became of the images of a guarded call: for the log, and for ``on_verdict``."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from memguard.verdict import Verdict

log = logging.getLogger("memguard")

Fate = Literal["shown", "blocked", "regenerated", "raised"]
"""``shown``: as the pipeline made it. ``blocked``: a placeholder instead. ``regenerated``: another
image instead. ``raised``: the call raised an error, so that no image of it was shown."""

KEY_BYTES = 6
"""Of a request key. Among a million, two are equal with a probability of 0.2 %."""

Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome:
    """What became of one image of a guarded call.

    Attributes:
        verdict: on this image, or on the last of its regenerations.
        action: see :data:`Fate`.
        request: a random key, the same for all images of the call.
        milliseconds: what the checks of the whole call took.
    """

    verdict: Verdict
    action: Fate
    request: str
    milliseconds: float

    def to_log(self) -> dict[str, Any]:
        """A short dict of plain JSON values, for one line of a log."""
        return {
            "action": self.action,
            "request": self.request,
            "milliseconds": round(self.milliseconds, 1),
            **self.verdict.to_log(),
        }

    def __str__(self) -> str:
        deciding = self.verdict.deciding
        reason = self.verdict.why if deciding is None else deciding.comparison
        exempt = "".join(f"; {match.uri} is {match.exempt}" for match in self.verdict.exempt)
        return (
            f"{self.verdict.label}, {self.action}, request {self.request}, "
            f"{self.milliseconds:.0f} ms: {reason}{'' if deciding is None else exempt}"
        )


OnVerdict = Callable[[Outcome], None]


@dataclass
class Request:
    """One guarded call as it is reported.

    Attributes:
        on_verdict: called with the outcome of each image; what it raises is logged.
        key: see :attr:`Outcome.request`.
        seconds: what checks have taken so far.
    """

    on_verdict: OnVerdict | None
    key: str = field(default_factory=lambda: secrets.token_hex(KEY_BYTES))
    seconds: float = 0.0

    def timed(self, check: Callable[[Any], Result], images: Any) -> Result:
        """The result of a check, whose time counts."""
        start = time.perf_counter()
        try:
            return check(images)
        finally:
            self.seconds += time.perf_counter() - start

    def report(self, verdicts: Sequence[Verdict], actions: Sequence[Fate]) -> None:
        """Log each image and pass its outcome on; for debugging only, clear ones whose matches
        all count."""
        for verdict, action in zip(verdicts, actions, strict=True):
            outcome = Outcome(verdict, action, self.key, 1000 * self.seconds)
            quiet = verdict.label == "clear" and not verdict.exempt
            level = logging.DEBUG if quiet else logging.INFO
            log.log(level, "%s", outcome, extra={"memguard": outcome.to_log()})
            if self.on_verdict is not None:
                try:
                    self.on_verdict(outcome)
                except Exception:
                    log.exception("on_verdict failed")
