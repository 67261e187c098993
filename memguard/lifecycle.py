"""``build_index``, ``add_images``, ``calibrate_index``: images in, an index for a guard out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from memguard.calibration.calibrate import Calibration
from memguard.calibration.calibrate import calibrate as choose_calibration
from memguard.calibration.measurements import FolderPictures, Negatives
from memguard.defaults import (
    DEFAULT_WEIGHTS,
    MEMORIZED_RATE,
    SIMILAR_RATE,
)
from memguard.descriptors import Descriptor, load_descriptors, new_descriptors
from memguard.detection.detector import Detector
from memguard.index.ann.planner import size_in_bytes
from memguard.index.ingest.builder import BuildSummary, Progress, ReadAhead, build
from memguard.index.milvus.address import in_milvus
from memguard.index.open import open_index
from memguard.index.store.documents import CALIBRATION, CALIBRATION_PAGE, MEASUREMENTS
from memguard.index.store.manifest import NAME as MANIFEST
from memguard.index.store.manifest import Manifest
from memguard.sources import Source, open_source

OnProgress = Callable[[Progress], None]
OnCalibration = Callable[[int, int], None]


def build_index(
    images: str | os.PathLike[str] | Source,
    output: str | os.PathLike[str],
    *,
    weights: Mapping[str, str] = DEFAULT_WEIGHTS,
    calibrate: bool = True,
    workers: int | None = None,
    memory: int | str | None = None,
    ray: str | None = None,
    on_progress: OnProgress = lambda _: None,
    on_calibration: OnCalibration = lambda _done, _total: None,
) -> BuildSummary:
    """Index the images of a source; resume or grow the index if ``output`` has one.

    Args:
        images: a source, or whatever :func:`memguard.sources.open_source` takes: a folder, tar
            shards, Parquet, a list of URLs, precomputed embeddings. Unreadable images are listed,
            not fatal. A new index of embeddings has their descriptor only.
        output: the index directory, conventionally ``NAME.memguard``.
        weights: the learned descriptors, and what loads each; ``{}`` for none. ``"clip"``:
            ``ARCHITECTURE:WEIGHTS``, where the weights are a pretrained tag of ``open_clip`` or a
            checkpoint file, or a directory, or ``hf-hub:ORG/NAME``; downloaded if it is not on
            this machine. ``"sscd"``: a TorchScript or ONNX file, or ``"installed"``.
        calibrate: choose the thresholds by leave-one-out when the index is new or has outgrown
            them (:func:`calibrate_index` does so with held-out images).
        workers: decoding processes; 0 decodes in this one; by default one per core.
        memory: what searches of the index may occupy, in bytes or like ``"4GB"``.
        ray: a Ray cluster that reads and describes the images, in place of ``workers``
            (:func:`memguard.index.ingest.ray.on_ray`).
        on_progress: called after every few images.
        on_calibration: called with images measured and images to measure.

    Raises:
        BuildError: no images, another build at work here, other descriptors here, a full disk.
        ConfigurationError: ``images`` is no source, ``memory`` no size, ``weights`` name an unknown
            descriptor, or the embeddings come from another model.
        WeightsError: weights absent (found out before any image is read), or not the index's own.
    """
    source = _opened(images)
    descriptors = new_descriptors(weights)
    if (only := _embedded(source)) and not (Path(output) / MANIFEST).exists():
        descriptors = [one for one in descriptors if one.spec.name == only] or descriptors
    return _build(
        source,
        output,
        descriptors,
        calibrate=calibrate,
        workers=workers,
        memory=memory,
        ray=ray,
        on_progress=on_progress,
        on_calibration=on_calibration,
    )


def add_images(
    images: str | os.PathLike[str] | Source,
    index: str | os.PathLike[str],
    *,
    weights: Mapping[str, str] | None = None,
    calibrate: bool = True,
    workers: int | None = None,
    memory: int | str | None = None,
    on_progress: OnProgress = lambda _: None,
    on_calibration: OnCalibration = lambda _done, _total: None,
) -> BuildSummary:
    """Add the images of a source to an index, with the descriptors that it has.

    Args:
        images, calibrate, workers, memory, on_progress, on_calibration: as for
            :func:`build_index`.
        index: the index directory, or its address in Milvus.
        weights: by descriptor, where the index's weights are, if they have moved.

    Raises:
        IndexUnavailableError: there is no finished index.
        BuildError, ConfigurationError, WeightsError: as :func:`build_index`.
    """
    source = _opened(images)
    specs = open_index(index).specs if in_milvus(index) else Manifest.read(Path(index)).descriptors
    descriptors = load_descriptors(specs, weights=weights)
    return _build(
        source,
        index,
        descriptors,
        calibrate=calibrate,
        workers=workers,
        memory=memory,
        on_progress=on_progress,
        on_calibration=on_calibration,
    )


def _build(
    source: Source,
    output: str | os.PathLike[str],
    descriptors: Sequence[Descriptor],
    *,
    calibrate: bool,
    workers: int | None,
    memory: int | str | None,
    ray: str | None = None,
    on_progress: OnProgress,
    on_calibration: OnCalibration,
) -> BuildSummary:
    if in_milvus(output):
        from memguard.index.milvus.changes import add_there

        summary = add_there(source, output, descriptors, workers=workers, on_progress=on_progress)
    else:
        summary = build(
            source,
            output,
            descriptors,
            workers=workers,
            memory=None if memory is None else size_in_bytes(memory),
            read_ahead=None if ray is None else _on_ray(ray, descriptors),
            on_progress=on_progress,
        )
    if calibrate:
        index = open_index(output)
        known = Calibration.of(index)
        if known is None or known.outgrown(summary.records):
            _calibrate(Detector(index, descriptors), None, on_progress=on_calibration)
    return summary


def calibrate_index(
    index: str | os.PathLike[str],
    negatives: str | os.PathLike[str] | None = None,
    *,
    similar_rate: float = SIMILAR_RATE,
    memorized_rate: float = MEMORIZED_RATE,
    thorough: bool = False,
    clip_blocks: bool = False,
    weights: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Calibration:
    """Choose the thresholds of an index and save them in it.

    Args:
        index: the index directory.
        negatives: a folder of images that are not in the training set; None for leave-one-out.
        similar_rate, memorized_rate: allowed rates of flagged and of blocked novel images.
        thorough: calibrate for ``guard(..., thorough=True)``.
        clip_blocks: let CLIP block too; by default it only flags.
        weights: by descriptor, where the index's weights are, if they have moved.
        on_progress: called with images measured and images to measure.

    Raises:
        CalibrationError: a rate outside (0, 1), or fewer than 3 / rate negatives.
        IndexUnavailableError, WeightsError: see :class:`memguard.Guard`.
    """
    opened = open_index(index)
    descriptors = load_descriptors(opened.specs, weights=weights)
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
    detector.index.write_document(MEASUREMENTS, measured.to_bytes())
    detector.index.write_document(CALIBRATION, calibration.to_bytes())
    detector.index.write_document(CALIBRATION_PAGE, None)
    return calibration


def _on_ray(address: str, descriptors: Sequence[Descriptor]) -> ReadAhead:
    from memguard.index.ingest.ray import on_ray

    return on_ray(address, [descriptor.spec for descriptor in descriptors])


def _opened(images: str | os.PathLike[str] | Source) -> Source:
    return open_source(images) if isinstance(images, (str, os.PathLike)) else images


def _embedded(source: Source) -> str | None:
    """The descriptor of a source that holds nothing but embeddings."""
    from memguard.sources.embeddings import Embeddings

    return source.descriptor if isinstance(source, Embeddings) else None
