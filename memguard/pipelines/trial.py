"""A second calibration on trial: what it would say is recorded, and decides nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from memguard.calibration.result import Calibration
from memguard.detection.decision import SEVERITY, decide
from memguard.detection.detector import Detector
from memguard.errors import CalibrationError
from memguard.verdict import Label, Verdict

TrialLike: TypeAlias = Calibration | str | os.PathLike[str] | None
"""A calibration, the path of a stored one (``calibration.json``), or none."""


@dataclass(frozen=True)
class Trial:
    """A calibration that is tried on the distances that another one decides about.

    Attributes:
        calibration: its thresholds.
        id: see :attr:`memguard.Calibration.id`.
    """

    calibration: Calibration
    id: str

    @classmethod
    def of(cls, trial: TrialLike, detector: Detector) -> Trial | None:
        """The trial that a guard was asked for.

        Raises:
            CalibrationError: the file is missing or damaged, or the index measures no such signal.
        """
        if trial is None:
            return None
        if not isinstance(trial, Calibration):
            try:
                trial = Calibration.from_bytes(Path(trial).read_bytes(), detector.index.name)
            except OSError as error:
                raise CalibrationError(
                    f"the calibration on trial, {trial}, cannot be read: {error.strerror}"
                ) from error
        trial.require_signals(detector.signals, detector.index.name)
        return cls(trial, trial.id)

    def label(self, verdict: Verdict) -> Label:
        """The label that these thresholds give an image.

        They are applied to the matches in the verdict, and to the smallest distance of each signal
        that decides. Small parts that many references share are known only where the deciding
        calibration would have blocked for them.
        """
        if verdict.label not in SEVERITY:
            return verdict.label
        thresholds = self.calibration.thresholds
        found = [decide([match for match in verdict.matches if match.counts], thresholds, {}).label]
        for signal in verdict.signals:
            if signal.name in thresholds:
                limits = thresholds[signal.name]
                blocks = None if signal.memorized is None else limits.memorized
                found.append(replace(signal, similar=limits.similar, memorized=blocks).label)
        return max(found, key=SEVERITY.index)
