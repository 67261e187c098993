"""Calibration: thresholds for one index, and what they are worth.

The best distance over N references falls as N grows, so thresholds belong to an index. They are
chosen from *negatives*, images that copy nothing in it: held-out ones, or its own references by
leave-one-out, or the model's own generations. Simulated copies (:mod:`memguard.vision.transforms`)
show which signals deserve the allowed false-positive rate.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from memguard.calibration.measure import measure
from memguard.calibration.measurements import Measurements
from memguard.calibration.negatives import Negatives
from memguard.calibration.operating_rules import OperatingRule, evaluate, operating_rules
from memguard.calibration.result import Calibration
from memguard.calibration.shortfalls import shortfalls
from memguard.calibration.text_guidance import guidance_threshold
from memguard.defaults import MEMORIZED_RATE, SIMILAR_RATE
from memguard.detection.detector import Detector
from memguard.detection.signals import default_thresholds
from memguard.errors import CalibrationError
from memguard.signal_type import Threshold


def calibrate(
    detector: Detector,
    negatives: Negatives | None = None,
    *,
    similar_rate: float = SIMILAR_RATE,
    memorized_rate: float = MEMORIZED_RATE,
    clip_blocks: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    seed: int = 0,
) -> tuple[Calibration, Measurements]:
    """Choose the thresholds of the detector's index.

    With fewer negatives than 3 / rate, the default thresholds stay, tightened where the negatives
    contradict the rate; by leave-one-out, where the bulk of the references does. They stay as well
    where leave-one-out can measure nothing (only embeddings, or only blank images): without
    thresholds, every image would pass.

    Args:
        detector: on the index to calibrate; its own thresholds are ignored.
        negatives: images that copy nothing in the index; None for leave-one-out on the training
            set itself.
        similar_rate, memorized_rate: allowed rates of flagged and of blocked novel images.
        clip_blocks: let CLIP block too, at its calibrated threshold.
        on_progress: called with pictures measured and pictures to measure.
        seed: of the samples and the simulated copies.

    Raises:
        CalibrationError: a rate outside (0, 1), or fewer images to be flagged than blocked; none
            of the negatives is evidence; or CLIP is to block without any.
    """
    check_rates(similar_rate, memorized_rate)
    if negatives is not None and not len(negatives):
        raise CalibrationError("there are no negatives; without any, calibrate by leave-one-out")
    if negatives is None and clip_blocks:
        raise CalibrationError(
            "leave-one-out proves no rate, and CLIP has no block threshold of its own: to let it "
            "block (--clip-blocks), give held-out images (--negatives) or a pipeline (--pipeline)"
        )
    measured = measure(detector, negatives, on_progress, np.random.default_rng(seed))
    if negatives is not None:
        _require_evidence(measured, len(negatives))
    rules = operating_rules(
        [detector.signals[name] for name in measured.negatives],
        similar_rate,
        memorized_rate,
        clip_blocks=clip_blocks,
    )
    calibration = choose_thresholds(
        measured,
        *rules,
        records=len(detector.index),
        thorough=detector.thorough,
        source=negatives.source if negatives else "",
    )
    if not measured.negatives:
        defaults = default_thresholds(detector.signals)
        calibration = msgspec.structs.replace(calibration, thresholds=defaults)
    if negatives is not None:
        set_aside = {negative.image for negative in measured.contaminated}
        ordinary = negatives.text_guidance(set_aside)
        calibration = msgspec.structs.replace(
            calibration, text_guidance=guidance_threshold(ordinary, similar_rate)
        )
    return calibration, measured


def check_rates(similar_rate: float, memorized_rate: float) -> None:
    """Refuse what is no false-positive rate.

    Raises:
        CalibrationError: one is outside (0, 1), or fewer images may be flagged than blocked.
    """
    for name, rate in (("similar_rate", similar_rate), ("memorized_rate", memorized_rate)):
        if not 0 < rate < 1:
            option = f"--{name.replace('_', '-')}"
            raise CalibrationError(
                f"{name} ({option}) is {rate:g}; a rate lies between 0 and 1, like 0.001"
            )
    if similar_rate < memorized_rate:
        raise CalibrationError(
            f"similar_rate (--similar-rate) is {similar_rate:g}, less than memorized_rate "
            f"(--memorized-rate), {memorized_rate:g}; what is blocked is flagged too, so it cannot "
            "be smaller"
        )


def choose_thresholds(
    measured: Measurements,
    flag: OperatingRule,
    block: OperatingRule,
    *,
    records: int,
    thorough: bool,
    source: str = "",
) -> Calibration:
    """The calibration by these measurements.

    Args:
        measured: distances of negatives and of simulated copies.
        flag, block: what flags and what blocks.
        records: references in the index.
        thorough: whether the detector was thorough.
        source: which images the negatives are, in words.
    """
    flags, similar = evaluate(measured, flag)
    blocks, memorized = evaluate(measured, block)
    return Calibration(
        thresholds={name: Threshold(limit, blocks.get(name)) for name, limit in flags.items()},
        similar=similar,
        memorized=memorized,
        method=measured.method,
        negatives=measured.count,
        blank=measured.blank,
        contaminated=measured.contaminated,
        records=records,
        thorough=thorough,
        source=source,
        shortfalls=shortfalls(measured, memorized, blocks, block.signals),
    )


def _require_evidence(measured: Measurements, given: int) -> None:
    """Refuse negatives of which none is evidence: they would replace a calibration by nothing."""
    if measured.blank + len(measured.contaminated) == given:
        raise CalibrationError(
            f"none of the {given} negatives is evidence about novel images: {measured.blank} are "
            f"blank, and {len(measured.contaminated)} were set aside as copies; give other images, "
            "or calibrate by leave-one-out"
        )
