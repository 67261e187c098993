"""The detector of an index with the thresholds of its calibration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from memguard.calibration.result import Calibration
from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.signals import default_thresholds
from memguard.index import Index
from memguard.threads import half_the_cores

log = logging.getLogger("memguard")


def guarding_detector(index: Index, *, threads: int | None = None, **options: Any) -> Detector:
    """A guard's detector: :func:`calibrated_detector`, for which exempt references do not block.

    Args:
        index: the training set.
        threads: see :class:`memguard.Detector`; None for half the cores.
        options: of :func:`calibrated_detector`.

    Raises:
        IndexUnavailableError: the list of exempt references is damaged.
        ConfigurationError, WeightsError, CalibrationError: see :func:`calibrated_detector`.
    """
    count = half_the_cores() if threads is None else threads
    detector = calibrated_detector(index, threads=count, **options)
    return detector.exempting(index.exemptions().in_force)


def calibrated_detector(
    index: Index,
    *,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
    threads: int = 1,
    loaded: Detector | None = None,
) -> Detector:
    """A detector with the index's descriptors and calibrated thresholds, else the defaults.

    Logs a warning where the index has no calibration, or one that measured nothing, has outgrown
    it, falls short of what it should find, or was calibrated without ``thorough`` or by an older
    memguard.

    Args:
        index: the training set.
        thorough: see :class:`memguard.Detector`.
        weights: descriptor name to where its weights are now, if they have moved.
        threads: see :class:`memguard.Detector`.
        loaded: a detector whose models are used again if they are those of the index.

    Raises:
        ConfigurationError, WeightsError: see :func:`memguard.descriptors.load_descriptors`.
        CalibrationError: the calibration is damaged, or one of its signals is not installed here.
    """
    if loaded is not None and loaded.index.specs == index.specs:
        descriptors = loaded.descriptors
    else:
        descriptors = load_descriptors(index.specs, weights=weights)
    calibration = Calibration.of(index)
    again = f"run `memguard calibrate {index.name}`"
    if calibration is None or not (calibration.thresholds or calibration.negatives):
        log.warning("%s has not been calibrated; default thresholds apply: %s", index.name, again)
        return Detector(index, descriptors, thorough=thorough, threads=threads)
    if calibration.outgrown(len(index)):
        log.warning(
            "%s has grown from %d records since its calibration, so that more novel images may be "
            "flagged than was promised; %s",
            index.name,
            calibration.records,
            again,
        )
    if thorough and not calibration.thorough:
        log.warning("%s was calibrated without thorough; %s --thorough", index.name, again)
    for sentence in calibration.shortfalls:
        log.warning("the calibration of %s: %s", index.name, sentence)
    detector = Detector(
        index,
        descriptors,
        calibration.thresholds,
        rates={
            label: point.target
            for label, point in calibration.operating_points().items()
            if point.calibrated
        },
        calibration=calibration.id,
        thorough=thorough,
        threads=threads,
    )
    calibration.require_signals(detector.signals, index.name)
    if not calibration.thresholds.keys() & default_thresholds(detector.signals).keys():
        log.warning(
            "%s was calibrated by an older memguard, whose signals find fewer copies; %s",
            index.name,
            again,
        )
    return detector
