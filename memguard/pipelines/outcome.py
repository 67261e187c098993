"""What became of the images of a guarded call: for the log, and for ``on_verdict``."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from memguard.errors import ConfigurationError
from memguard.verdict import Label, Verdict

log = logging.getLogger("memguard")

Fate = Literal["shown", "blocked", "regenerated", "raised"]
"""``shown``: as the pipeline made it. ``blocked``: a placeholder instead. ``regenerated``: another
image instead. ``raised``: the call raised an error, so that no image of it was shown."""


@dataclass(frozen=True)
class Outcome:
    """What became of one image of a guarded call.

    Attributes:
        verdict: on this image, or on the last of its regenerations.
        action: see :data:`Fate`.
        request: the caller's key (:func:`memguard.request_key`), or a random one; the same for all
            images of the call.
        milliseconds: what the checks of the whole call took.
        would: what the policy would have done, had it been enforced for this request; None where it
            was enforced, or would have shown the image.
        stages: milliseconds by stage of the whole call, as in the audit log.
        position: which image of the call, from 0.
        trial: the label by a second calibration, which decides nothing; None without one.
    """

    verdict: Verdict
    action: Fate
    request: str
    milliseconds: float
    would: Fate | None = None
    stages: Mapping[str, float] = field(default_factory=dict)
    position: int = 0
    trial: Label | None = None

    def to_log(self) -> dict[str, Any]:
        """A short dict of plain JSON values, for one line of a log."""
        beside = {"would": self.would, "trial": self.trial}
        return {
            "action": self.action,
            **{name: value for name, value in beside.items() if value is not None},
            "request": self.request,
            "milliseconds": round(self.milliseconds, 1),
            **self.verdict.to_log(),
        }

    def __str__(self) -> str:
        deciding = self.verdict.deciding
        reason = self.verdict.why if deciding is None else deciding.comparison
        exempt = "".join(f"; {match.uri} is {match.exempt}" for match in self.verdict.exempt)
        would = "" if self.would is None else f", would have been {self.would}"
        guidance = self.verdict.text_guidance
        prompt = f"; text guidance {guidance}" if guidance and guidance.flagged else ""
        return (
            f"{self.verdict.label}, {self.action}{would}, request {self.request}, "
            f"{self.milliseconds:.0f} ms: {reason}{'' if deciding is None else exempt}{prompt}"
        )


OnVerdict = Callable[[Outcome], None]


def hooks(on_verdict: OnVerdict | Sequence[OnVerdict] | None) -> tuple[OnVerdict, ...]:
    """The functions of an ``on_verdict``, of which there may be none, one or several.

    Raises:
        ConfigurationError: one is a coroutine function, which would never run.
    """
    if on_verdict is None:
        return ()
    functions = (on_verdict,) if callable(on_verdict) else tuple(on_verdict)
    if any(map(inspect.iscoroutinefunction, functions)):
        raise ConfigurationError(
            "on_verdict is called and not awaited: give a function that is not async, such as one "
            "that puts outcomes into a queue"
        )
    return functions


@dataclass
class Request:
    """One guarded call as it is reported.

    Attributes:
        key: see :attr:`Outcome.request`.
        seconds: what its stages have taken so far.
    """

    key: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def stages(self) -> dict[str, float]:
        """Stage to milliseconds."""
        return {name: round(1000 * seconds, 3) for name, seconds in self.seconds.items()}

    def outcomes(
        self,
        verdicts: Sequence[Verdict],
        actions: Sequence[Fate],
        would: Sequence[Fate | None] | None = None,
        trial: Callable[[Verdict], Label] | None = None,
    ) -> list[Outcome]:
        """The outcome of each image.

        Args:
            verdicts, actions, would: of each image.
            trial: the label by a second calibration.
        """
        stages = self.stages
        would = would or [None] * len(verdicts)
        return [
            Outcome(
                verdict,
                action,
                self.key,
                stages.get("check", 0.0),
                hypothetical,
                stages,
                position,
                trial(verdict) if trial else None,
            )
            for position, (verdict, action, hypothetical) in enumerate(
                zip(verdicts, actions, would, strict=True)
            )
        ]


def announce(outcomes: Sequence[Outcome], hooks: Sequence[OnVerdict]) -> None:
    """Log each image and pass its outcome on; for debugging only, clear ones whose matches all
    count and whose prompt is not flagged. What a hook raises is logged."""
    for outcome in outcomes:
        verdict = outcome.verdict
        prompt_flagged = verdict.text_guidance is not None and verdict.text_guidance.flagged
        quiet = verdict.label == "clear" and not verdict.exempt and not prompt_flagged
        level = logging.DEBUG if quiet else logging.INFO
        log.log(level, "%s", outcome, extra={"memguard": outcome.to_log()})
        for hook in hooks:
            try:
                hook(outcome)
            except Exception:
                log.exception("on_verdict failed")
