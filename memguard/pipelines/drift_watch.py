"""A guard's watch on drift: says once, in the log, that images are not what was calibrated for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from memguard.calibration.drift import Drift, DriftTest, drifts
from memguard.calibration.measurements import Measurements
from memguard.calibration.result import Calibration
from memguard.detection.detector import Detector
from memguard.errors import CalibrationError, IndexUnavailableError
from memguard.verdict import Verdict

log = logging.getLogger("memguard")


class DriftWatch:
    """Counts the verdicts of a guard's calls, in all threads of this process.

    It begins anew with each calibration. Copies and pickles begin anew too.

    Attributes:
        found: the drifts that were noticed so far.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calibration: str | None = None
        self._test: DriftTest | None = None
        self.found: tuple[Drift, ...] = ()

    def add(self, verdicts: Sequence[Verdict], detector: Detector) -> None:
        """Count verdicts on images as the pipeline first made them."""
        if detector.calibration is None:  # the default thresholds promise nothing of this index
            return
        if all(verdict.label == "unchecked" for verdict in verdicts):  # the index may be gone
            return
        with self._lock:
            if detector.calibration != self._calibration:
                self._begin(detector)
            found = drifts(self._test, verdicts) if self._test else []
            self.found += tuple(found)
        for drift in found:
            log.warning(
                "drift: %s. Look at what was flagged; if it is novel, calibrate with images like "
                "these: `memguard calibrate %s --negatives FOLDER`",
                drift.text,
                detector.index.name,
                extra={"memguard": {"drift": drift.what, "images": drift.images, "p": drift.p}},
            )

    def _begin(self, detector: Detector) -> None:
        self._calibration, self._test, self.found = detector.calibration, None, ()
        try:
            calibration = Calibration.of(detector.index)
            if calibration is None or calibration.id != detector.calibration:
                return  # a newer one is stored, and applies after a reload
            self._test = DriftTest(calibration, Measurements.of(detector.index))
        except CalibrationError as error:
            log.warning("drift is not watched: %s", error)
        except IndexUnavailableError:  # at the next call again
            self._calibration = None

    def __reduce__(self) -> tuple[Any, ...]:
        return DriftWatch, ()
