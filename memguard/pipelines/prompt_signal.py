"""The text guidance of guarded calls: read while they run, shown in their verdicts.

Above the calibrated threshold it is flagged. It decides nothing.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

from memguard.calibration.result import Calibration
from memguard.calibration.text_guidance import GuidanceThreshold
from memguard.detection.detector import Detector
from memguard.errors import CalibrationError, ConfigurationError, IndexUnavailableError
from memguard.pipelines.call import Call
from memguard.pipelines.pictures import Shown
from memguard.pipelines.settlement import Check
from memguard.sampling.text_guidance import DENOISERS, denoiser, reading
from memguard.verdict import TextGuidance, Verdict

log = logging.getLogger("memguard")

PromptSignal: TypeAlias = bool | Literal["extra forward"]
"""Whether the text guidance of each prompt is read. ``True``: where the pipeline uses
classifier-free guidance. ``"extra forward"``: also where the model takes guidance as an input, by
one more forward of the denoiser in each call."""


class PromptReader:
    """Reads the text guidance of one guarded call, and of those that make its images again.

    Args:
        pipeline: has the denoiser.
        extra_forward: see :data:`PromptSignal`.
        threshold: the calibrated one; None where there is none.
    """

    def __init__(
        self, pipeline: object, *, extra_forward: bool, threshold: GuidanceThreshold | None
    ) -> None:
        self._pipeline = pipeline
        self._extra_forward = extra_forward
        self._threshold = threshold
        self._latest: list[TextGuidance] = []

    def reads(self, call: Call) -> Call:
        """The same call, read each time that it runs."""

        @functools.wraps(call.function)
        def function(*args: Any, **kwargs: Any) -> Any:
            self._latest = []
            with reading(self._pipeline, extra_forward=self._extra_forward) as seen:
                returned = call.function(*args, **kwargs)
            self._latest = seen.text_guidance
            return returned

        return dataclasses.replace(call, function=function)

    def shows(self, check: Check) -> Check:
        """The same check, whose verdicts show what was read of the latest run.

        They show nothing where there was not one value for each image.
        """
        return _ShowingCheck(check, self._shown)

    def _shown(self, verdicts: list[Verdict]) -> list[Verdict]:
        if len(self._latest) != len(verdicts):
            return verdicts
        return [
            dataclasses.replace(verdict, text_guidance=self._judged(measured))
            for verdict, measured in zip(verdicts, self._latest, strict=True)
        ]

    def _judged(self, measured: TextGuidance) -> TextGuidance:
        if self._threshold is None or not self._threshold.applies_to(measured):
            return measured
        return dataclasses.replace(measured, threshold=self._threshold.threshold)


class _ShowingCheck:
    """A check whose verdicts show more.

    Args:
        check: gives the verdicts.
        shown: what is shown of them.
    """

    def __init__(self, check: Check, shown: Callable[[list[Verdict]], list[Verdict]]) -> None:
        self._check = check
        self._shown = shown

    @property
    def detector(self) -> Detector:
        return self._check.detector

    def __call__(self, pictures: Sequence[Shown]) -> list[Verdict]:
        return self._shown(self._check(pictures))


class PromptThreshold:
    """The threshold of an index's calibration, read once for each calibration."""

    def __init__(self) -> None:
        self._known: tuple[str | None, GuidanceThreshold | None] = (None, None)

    def of(self, detector: Detector) -> GuidanceThreshold | None:
        """That of the detector's calibration; None where it has none."""
        calibration, threshold = self._known
        if detector.calibration != calibration:
            try:
                stored = Calibration.of(detector.index)
            except (CalibrationError, IndexUnavailableError) as error:
                log.warning("prompts are not flagged: %s", error)
                return None
            matches = stored is not None and stored.id == detector.calibration
            threshold = stored.text_guidance if stored is not None and matches else None
            self._known = detector.calibration, threshold
        return threshold


def require_denoiser(pipeline: object) -> None:
    """Refuse a pipeline whose prompts cannot be read.

    Raises:
        ConfigurationError: it has no denoiser to be seen.
    """
    if denoiser(pipeline) is None:
        raise ConfigurationError(
            f"prompt_signal reads a pipeline's {' or '.join(DENOISERS)}, and a "
            f"{type(pipeline).__name__} has none; leave prompt_signal out"
        )
