"""What is shown of what a call returned: read, checked, the policy applied, and all of it on record
before anyone sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from memguard.detection.detector import Detector
from memguard.errors import AuditLogError, CheckFailedError, UnsupportedOutputError
from memguard.pipelines.call import Call
from memguard.pipelines.checked_output import CheckedOutput
from memguard.pipelines.checks import unchecked
from memguard.pipelines.drift_watch import DriftWatch
from memguard.pipelines.instead import Instead
from memguard.pipelines.journal import Checked, Journal
from memguard.pipelines.outcome import Fate, OnVerdict, Outcome, Request, announce
from memguard.pipelines.outputs import labelled
from memguard.pipelines.pictures import Output, Shown
from memguard.pipelines.rollout import Rollout
from memguard.stages import collected, stage
from memguard.verdict import Verdict

log = logging.getLogger("memguard")

UNRECORDED = "the check could not be recorded"


class Check(Protocol):
    """Gives one verdict per image; knows what gave the latest ones."""

    @property
    def detector(self) -> Detector: ...

    def __call__(self, pictures: Sequence[Shown], /) -> list[Verdict]: ...


@dataclass(frozen=True)
class Settlement:
    """How what one call returned is settled.

    Attributes:
        call: the call.
        request: the call as it is reported.
        read: finds the images in what a call returns.
        check: one verdict per image.
        rollout: the policy, and for whom it is enforced.
        instead: what is shown instead of an image that is withheld.
        drift: counts the verdicts.
        journal: where checks are recorded.
        hooks: called with the outcome of each image.
        remember: takes the verdicts, as soon as there are any.
    """

    call: Call
    request: Request
    read: Callable[[Any], Output]
    check: Check
    rollout: Rollout
    instead: Instead
    drift: DriftWatch
    journal: Journal
    hooks: Sequence[OnVerdict]
    remember: Callable[[tuple[Verdict, ...]], None]

    def settle(self, returned: Any) -> Any:
        """What is shown.

        Raises:
            UnsupportedOutputError, CheckFailedError, MemorizedImageError: as the guard's policy and
                ``on_error`` have it; never where the policy is not enforced.
        """
        with collected(self.request.seconds):
            if self._enforced:
                return self._enforce(returned)
            return self._watch(returned)

    @property
    def _enforced(self) -> bool:
        return self.rollout.enforces(self.request.key)

    def _enforce(self, returned: Any) -> Any:
        try:
            output = self.read(returned)
        except UnsupportedOutputError as error:
            if self.rollout.on_error != "pass":
                self._report_refusal([unchecked(str(error))])
                raise
            log.exception("memguard could not read a %s", type(returned).__name__)
            return self._without_check(returned, unchecked(str(error)))
        try:
            checked = CheckedOutput(output, self.call, self.read, self._timed_check, self.instead)
        except CheckFailedError as error:
            self._report_refusal([Verdict("unchecked", 0.0, why=str(error))] * len(output.pictures))
            raise
        try:
            self.rollout.policy.apply(checked)
            if self.rollout.on_error != "pass":
                checked.withhold_unchecked()
            changed = checked.shown()
        except BaseException:
            self.remember(tuple(checked.verdicts))
            self._report_refusal(checked.verdicts, checked.pictures, _discarded(checked))
            raise
        self.remember(tuple(checked.verdicts))
        if not self._recorded(checked):
            for position in range(len(checked.verdicts)):
                checked.withhold(position)
            changed = checked.shown()
        announce(self._outcomes(checked.verdicts, checked.actions), self.hooks)
        return labelled(changed, checked.verdicts)

    def _recorded(self, checked: CheckedOutput) -> bool:
        """Whether the images may be shown as far as the audit log is concerned.

        Raises:
            CheckFailedError: it failed, and ``on_error`` is ``"raise"``.
        """
        images = len(checked.verdicts)
        checks = _discarded(checked) + [
            Checked(position, images, picture, verdict, action)
            for position, (picture, verdict, action) in enumerate(
                zip(checked.pictures, checked.verdicts, checked.actions, strict=True)
            )
        ]
        try:
            self._write(checks)
        except AuditLogError as error:
            if self.rollout.on_error == "raise":
                refused: list[Fate] = ["raised"] * images
                announce(self._outcomes(checked.verdicts, refused), self.hooks)
                raise CheckFailedError(f"{UNRECORDED}: {error}") from error
            log.exception("memguard could not record a check")
            return self.rollout.on_error == "pass"
        return True

    def _without_check(self, returned: Any, verdict: Verdict) -> Any:
        """What the call returned, let through because ``on_error`` is ``"pass"``."""
        self.remember((verdict,))
        self._report([verdict], [None], ["shown"])
        return labelled(returned, [verdict])

    def _report_refusal(
        self,
        verdicts: Sequence[Verdict],
        pictures: Sequence[object] = (),
        discarded: Sequence[Checked] = (),
    ) -> None:
        """Report images of which none is shown, as the call raises an error."""
        raised: list[Fate] = ["raised"] * len(verdicts)
        self._report(verdicts, pictures or [None] * len(verdicts), raised, discarded=discarded)

    def _watch(self, returned: Any) -> Any:
        """What the call returned, as it is; what would have become of it is reported."""
        failed = False
        pictures: Sequence[object] = [None]
        try:
            pictures = (output := self.read(returned)).pictures
            verdicts = self._timed_check(output.pictures)
        except Exception as error:
            log.exception("memguard could not check a %s", type(returned).__name__)
            verdicts = [unchecked(str(error))] * len(pictures)
            failed = self.rollout.on_error != "pass"
        self.remember(tuple(verdicts))
        would = self.rollout.would(verdicts, failed=failed)
        self._report(verdicts, pictures, ["shown"] * len(verdicts), would)
        return labelled(returned, verdicts)

    def _report(
        self,
        verdicts: Sequence[Verdict],
        pictures: Sequence[object],
        actions: Sequence[Fate],
        would: Sequence[Fate | None] | None = None,
        discarded: Sequence[Checked] = (),
    ) -> None:
        """Record and announce what no failure of the audit log can change any more."""
        outcomes = self._outcomes(verdicts, actions, would)
        try:
            self._write(
                [
                    *discarded,
                    *(
                        Checked(
                            position, len(outcomes), picture, one.verdict, one.action, one.would
                        )
                        for position, (picture, one) in enumerate(
                            zip(pictures, outcomes, strict=True)
                        )
                    ),
                ]
            )
        except AuditLogError:
            log.exception("memguard could not record a check")
        announce(outcomes, self.hooks)

    def _outcomes(
        self,
        verdicts: Sequence[Verdict],
        actions: Sequence[Fate],
        would: Sequence[Fate | None] | None = None,
    ) -> list[Outcome]:
        trial = self.journal.trial
        return self.request.outcomes(verdicts, actions, would, trial.label if trial else None)

    def _write(self, checks: Sequence[Checked]) -> None:
        first = [one.verdict for one in checks if one.verdict.attempt == 0]
        detector = self.check.detector
        self.drift.add(first, detector)
        self.journal.write(checks, self.request, detector, self.rollout, self.call)

    def _timed_check(self, pictures: Sequence[Shown]) -> list[Verdict]:
        with stage("check"):
            return self.check(pictures)


def _discarded(checked: CheckedOutput) -> list[Checked]:
    """The earlier attempts of images that were generated again."""
    images = len(checked.verdicts)
    return [
        Checked(position, images, picture, verdict, "discarded")
        for position, picture, verdict in checked.discarded
    ]


def refusing(error: UnsupportedOutputError) -> Callable[[Any], Output]:
    """A reader that reads nothing."""

    def read(_: Any) -> Output:
        raise error

    return read


def record_direct(
    journal: Journal,
    rollout: Rollout,
    detector: Detector,
    pictures: Sequence[object],
    verdicts: list[Verdict],
    request: Request,
) -> list[Verdict]:
    """Record checks whose caller decides; the verdicts, ``unchecked`` where that fails.

    Raises:
        CheckFailedError: it fails, and ``on_error`` is ``"raise"``.
    """
    images = len(verdicts)
    checks = [
        Checked(position, images, picture, verdict, "returned")
        for position, (picture, verdict) in enumerate(zip(pictures, verdicts, strict=True))
    ]
    try:
        journal.write(checks, request, detector, rollout, None)
    except AuditLogError as error:
        if rollout.on_error == "raise":
            raise CheckFailedError(f"{UNRECORDED}: {error}") from error
        log.exception("memguard could not record a check")
        if rollout.on_error == "block":
            return [Verdict("unchecked", 0.0, why=f"{UNRECORDED}: {error}")] * images
    return verdicts
