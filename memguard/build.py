"""``build_index`` and ``calibrate_index``: a folder of images, as an index that a guard opens."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from memguard.calibration import Calibration
from memguard.calibration import calibrate as choose_calibration
from memguard.defaults import (
    CALIBRATION_PAGE,
    CLIP_MODEL,
    CLIP_WEIGHTS,
    MEMORIZED_RATE,
    SIMILAR_RATE,
)
from memguard.descriptors import Descriptor, load_descriptors, weightless_descriptors
from memguard.detector import Detector
from memguard.index import Index
from memguard.index.builder import BuildSummary, Progress, build
from memguard.measurements import FolderPictures, Negatives
from memguard.sources import Folder


def build_index(
    images: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    clip: str | None = CLIP_MODEL,
    clip_weights: str = CLIP_WEIGHTS,
    sscd: str | None = None,
    calibrate: bool = True,
    workers: int | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_calibration: Callable[[int, int], None] = lambda _done, _total: None,
) -> BuildSummary:
    """Index every image below a folder; resume or grow the index if ``output`` has one.

    Args:
        images: the folder of training images; unreadable files are listed, not fatal.
        output: the index directory, conventionally ``NAME.memguard``.
        clip: an ``open_clip`` architecture, or None for no CLIP.
        clip_weights: a pretrained tag, a checkpoint file or directory, or ``hf-hub:ORG/NAME``;
            downloaded if it is not on this machine.
        sscd: a TorchScript or ONNX file of SSCD, ``"installed"``, or None for no SSCD.
        calibrate: choose the thresholds by leave-one-out when the index is new or has outgrown
            them (:func:`calibrate_index` does so with held-out images).
        workers: decoding processes; 0 decodes in this one; by default one per core.
        on_progress: called after every few images.
        on_calibration: called with images measured and images to measure.

    Raises:
        BuildError: no images, another build at work here, other descriptors here, a full disk.
        WeightsError: weights absent (found out before any image is read), or not the index's own.
    """
    descriptors = choose_descriptors(clip, clip_weights, sscd)
    summary = build(Folder(images), output, descriptors, workers=workers, on_progress=on_progress)
    if calibrate:
        known = Calibration.read(Path(output))
        if known is None or known.outgrown(summary.records):
            detector = Detector(Index.open(output), descriptors)
            _calibrate(detector, None, on_progress=on_calibration)
    return summary


def calibrate_index(
    index: str | os.PathLike[str],
    negatives: str | os.PathLike[str] | None = None,
    *,
    similar_rate: float = SIMILAR_RATE,
    memorized_rate: float = MEMORIZED_RATE,
    thorough: bool = False,
    clip_blocks: bool = False,
    clip_weights: str | None = None,
    sscd_weights: str | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Calibration:
    """Choose the thresholds of an index and save them in it.

    Args:
        index: the index directory.
        negatives: a folder of images that are not in the training set; None for leave-one-out.
        similar_rate, memorized_rate: allowed rates of flagged and of blocked novel images.
        thorough: calibrate for ``guard(..., thorough=True)``.
        clip_blocks: let CLIP block too; by default it only flags.
        clip_weights, sscd_weights: where the index's weights are, if they have moved.
        on_progress: called with images measured and images to measure.

    Raises:
        CalibrationError: a rate outside (0, 1), or fewer than 3 / rate negatives.
        IndexUnavailableError, WeightsError: see :class:`memguard.Guard`.
    """
    opened = Index.open(index)
    descriptors = load_descriptors(
        opened.specs, clip_weights=clip_weights, sscd_weights=sscd_weights
    )
    return _calibrate(
        Detector(opened, descriptors, thorough=thorough),
        None if negatives is None else FolderPictures(negatives),
        similar_rate=similar_rate,
        memorized_rate=memorized_rate,
        clip_blocks=clip_blocks,
        on_progress=on_progress,
    )


def _calibrate(detector: Detector, negatives: Negatives | None, **options: Any) -> Calibration:
    calibration, measured = choose_calibration(detector, negatives, **options)
    measured.write(detector.index.directory)
    calibration.write(detector.index.directory)
    (detector.index.directory / CALIBRATION_PAGE).unlink(missing_ok=True)
    return calibration


def choose_descriptors(clip: str | None, clip_weights: str, sscd: str | None) -> list[Descriptor]:
    """The weightless descriptors, and those whose weights are named.

    Raises:
        WeightsError: weights are neither on this machine nor reachable.
    """
    descriptors = weightless_descriptors()
    if clip is not None:
        from memguard.descriptors.clip import Clip, pull

        pull(clip, clip_weights)
        descriptors.append(Clip(clip, _absolute(clip_weights)))
    if sscd is not None:
        from memguard.descriptors.sscd import Sscd

        descriptors.append(Sscd(_absolute(sscd)))
    return descriptors


def _absolute(weights: str) -> str:
    return str(Path(weights).resolve()) if Path(weights).exists() else weights
