"""What a guard writes into its audit log: an entry for each check of each image."""

from __future__ import annotations

import inspect
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeAlias

import msgspec
from PIL import Image

from memguard._version import __version__
from memguard.audit_log.entry import (
    SCHEMA,
    Entry,
    LoggedGuidance,
    LoggedIndex,
    LoggedMatch,
    LoggedPolicy,
    LoggedSignal,
    LoggedTrial,
)
from memguard.audit_log.hashes import image_sha256, text_sha256
from memguard.audit_log.writer import AuditLog
from memguard.detection.detector import Detector
from memguard.errors import AuditLogError, ConfigurationError
from memguard.pipelines.call import Call
from memguard.pipelines.outcome import Request
from memguard.pipelines.pictures import Video
from memguard.pipelines.rollout import Rollout
from memguard.pipelines.trial import Trial
from memguard.verdict import Match, TextGuidance, Verdict

NO_HASH = "-"
"""Stands for a frame that could not be read in the hash of its video."""

AuditLogLike: TypeAlias = (
    AuditLog | str | os.PathLike[str] | Callable[[Mapping[str, Any]], object] | None
)
"""Where entries go: a log, its path, or a function that is called with each
(:class:`memguard.audit_log.entry.Entry`, as plain JSON values)."""


@dataclass(frozen=True)
class Checked:
    """A check of an image, and what became of the image.

    Attributes:
        position: of how many images of the call.
        picture: what was checked; anything but a Pillow image or a video could not be read.
        verdict: on it.
        action, would: see :class:`memguard.audit_log.entry.Entry`.
    """

    position: int
    images: int
    picture: object
    verdict: Verdict
    action: Any
    would: str | None = None


@dataclass(frozen=True)
class Journal:
    """Writes entries, where a guard has an audit log.

    Attributes:
        append: takes the entries of a call, a file all or none; None where there is no log.
        trial: a second calibration, whose labels are recorded.
    """

    append: Callable[[Sequence[Mapping[str, Any]]], None] | None
    trial: Trial | None = None

    @classmethod
    def of(cls, audit_log: AuditLogLike, trial: Trial | None = None) -> Journal:
        """The journal in this log, or without one.

        Raises:
            AuditLogError: see :class:`memguard.AuditLog`.
            ConfigurationError: this is nothing that entries can be written to.
        """
        if audit_log is None:
            return cls(None, trial)
        if isinstance(audit_log, (str, os.PathLike)):
            audit_log = AuditLog(audit_log)
        if isinstance(audit_log, AuditLog):
            return cls(audit_log.append, trial)
        if not callable(audit_log) or inspect.iscoroutinefunction(audit_log):
            raise ConfigurationError(
                f"audit_log takes a path, an AuditLog or a function that is not async, not a "
                f"{type(audit_log).__name__}"
            )
        return cls(_CallEach(audit_log), trial)

    def write(
        self,
        checks: Sequence[Checked],
        request: Request,
        detector: Detector,
        rollout: Rollout,
        call: Call | None,
    ) -> None:
        """Write an entry for each check.

        Args:
            checks: of one call.
            request: the call as it is reported.
            detector: what checked.
            rollout: the policy, and for whom it is enforced.
            call: None for ``Guard.check``.

        Raises:
            AuditLogError: nothing was written.
        """
        if self.append is None:
            return
        policy = rollout.policy
        shared = {
            "schema": SCHEMA,
            "time": _now(),
            "memguard": __version__,
            "request": request.key,
            "index": LoggedIndex(
                name=detector.index.name,
                revision=detector.index.revision,
                fingerprint=detector.index.fingerprint,
            ),
            "calibration": detector.calibration,
            "thorough": detector.thorough,
            "policy": None
            if call is None
            else LoggedPolicy(
                action=policy.action,
                at=policy.at,
                attempts=policy.attempts,
                enforce=rollout.enforce,
                enforced=rollout.enforces(request.key),
            ),
            "on_error": rollout.on_error,
            "milliseconds": request.stages,
        }
        self.append([msgspec.to_builtins(_entry(one, call, self.trial, shared)) for one in checks])


def _entry(
    checked: Checked, call: Call | None, trial: Trial | None, shared: Mapping[str, Any]
) -> Entry:
    verdict, picture = checked.verdict, checked.picture
    return Entry(
        **shared,
        position=checked.position,
        images=checked.images,
        attempt=verdict.attempt,
        image_sha256=_picture_sha256(picture),
        prompt_sha256=_prompt(call, checked.position, checked.images),
        ran=sorted({name for match in verdict.matches for name in match.distances}),
        signals=[
            LoggedSignal(
                name=signal.name,
                distance=_finite(signal.distance),
                similar=signal.similar,
                memorized=signal.memorized,
            )
            for signal in verdict.signals
        ],
        matches=[_match(match) for match in verdict.matches],
        label=verdict.label,
        score=verdict.score,
        why=verdict.why,
        action=checked.action,
        would=checked.would,
        trial=LoggedTrial(calibration=trial.id, label=trial.label(verdict)) if trial else None,
        text_guidance=_guidance(verdict.text_guidance),
    )


def _picture_sha256(picture: object) -> str | None:
    if isinstance(picture, Video):
        frames = map(_picture_sha256, picture.frames.pictures)
        return text_sha256("".join(frame or NO_HASH for frame in frames))
    return image_sha256(picture) if isinstance(picture, Image.Image) else None


def _guidance(measured: TextGuidance | None) -> LoggedGuidance | None:
    if measured is None:
        return None
    return LoggedGuidance(
        value=_finite(measured.value),
        timestep=measured.timestep,
        read=measured.read,
        threshold=measured.threshold,
    )


def _match(match: Match) -> LoggedMatch:
    return LoggedMatch(
        id=match.id,
        uri=match.uri,
        view=match.view,
        distances={name: _finite(distance) for name, distance in match.distances.items()},
        shared_by=match.shared_by,
        exempt=match.exempt,
    )


def _prompt(call: Call | None, position: int, images: int) -> str | None:
    """The hash of the prompt that an image was made of; prompts' images come next to each other."""
    prompt = None if call is None else call.arguments.get("prompt")
    if isinstance(prompt, (list, tuple)) and prompt:
        prompt = prompt[min(position * len(prompt) // max(images, 1), len(prompt) - 1)]
    return text_sha256(prompt) if isinstance(prompt, str) else None


def _finite(distance: float) -> float | None:
    return float(distance) if math.isfinite(distance) else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class _CallEach:
    """Calls a function with each entry."""

    function: Callable[[Mapping[str, Any]], object]

    def __call__(self, entries: Sequence[Mapping[str, Any]]) -> None:
        for entry in entries:
            try:
                self.function(entry)
            except Exception as error:
                raise AuditLogError(
                    f"the function that keeps the audit log failed: {type(error).__name__}: {error}"
                ) from error
