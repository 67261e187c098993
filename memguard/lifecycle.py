"""The offline API of an index, one call a command: build, calibrate, remove, verify ..."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
from PIL import Image

from memguard.auditing.generations import Generations, generate_negatives, generations_needed
from memguard.auditing.run_folder import is_run
from memguard.auditing.sampling import Progress as OnStep
from memguard.calibration.calibrate import calibrate as choose_calibration
from memguard.calibration.calibrate import check_rates, choose_thresholds
from memguard.calibration.held_out import HeldOut, HeldOutImage
from memguard.calibration.load import calibrated_detector
from memguard.calibration.measurements import Measurements
from memguard.calibration.negatives import Negatives
from memguard.calibration.operating_rules import operating_rules
from memguard.calibration.provenance import calibration_facts
from memguard.calibration.result import Calibration
from memguard.defaults import (
    AUDIT_BATCH,
    DEFAULT_WEIGHTS,
    MEMORIZED_RATE,
    SIMILAR_RATE,
)
from memguard.descriptors import Descriptor, load_descriptors, new_descriptors
from memguard.detection.detector import Detector
from memguard.detection.find_copies import find_copies
from memguard.detection.signals import signal_table
from memguard.errors import CalibrationError, ConfigurationError
from memguard.index.ann.planner import size_in_bytes
from memguard.index.base import BuildSummary, Index, IndexWriter, Progress, Removal
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance import compaction, duplicates, summary, verify
from memguard.index.maintenance.compaction import Compaction
from memguard.index.maintenance.duplicates import Repeated
from memguard.index.maintenance.merge import merge
from memguard.index.maintenance.summary import Summary
from memguard.index.maintenance.verify import Verification
from memguard.index.milvus import push
from memguard.index.milvus.address import in_milvus
from memguard.index.milvus.push import PushSummary
from memguard.index.open import directory_of, open_index, open_writer
from memguard.index.store.documents import CALIBRATION, CALIBRATION_PAGE, MEASUREMENTS
from memguard.index.store.manifest import MANIFEST_NAME, Manifest
from memguard.sources import Source, open_source
from memguard.sources.base import Embedded
from memguard.verdict import Match

Images: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Source
GENERATIONS_SUFFIX = ".generations"
"""Of the folder beside an index that keeps the images of its calibration."""

OnProgress = Callable[[Progress], None]
OnDone = Callable[[int, int], None]
"""Called with what is done and what there is to do, in images, records or bytes."""


def build_index(
    images: Images,
    output: str | os.PathLike[str],
    *,
    weights: Mapping[str, str] = DEFAULT_WEIGHTS,
    calibrate: bool = True,
    workers: int | None = None,
    memory: int | str | None = None,
    ray: str | None = None,
    on_progress: OnProgress = lambda _: None,
    on_calibration: OnDone = lambda _done, _total: None,
) -> BuildSummary:
    """Index the images of a source; resume or grow the index if ``output`` has one.

    Args:
        images: a source, or what :func:`memguard.sources.open_source` takes: a folder, a list of
            image files, tar shards, Parquet, a list of URLs, precomputed embeddings. Unreadable
            images are listed, not fatal. A new index of embeddings has their descriptor only.
        output: the index directory, conventionally ``NAME.memguard``.
        weights: the learned descriptors, and what loads each; ``{}`` for none. ``"clip"``:
            ``ARCHITECTURE:WEIGHTS``, where the weights are a pretrained tag of ``open_clip`` or a
            checkpoint file, or a directory, or ``hf-hub:ORG/NAME``; downloaded if it is not on
            this machine. ``"sscd"``: ``"pulled"`` (Meta's weights, downloaded if they are not on
            this machine), a TorchScript or ONNX file, or ``"installed"``.
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
            descriptor, the embeddings come from another model, or a package's descriptor or signal
            does not fit.
        WeightsError: weights absent (found out before any image is read), or not the index's own.
    """
    source = _opened(images)
    descriptors = new_descriptors(weights)
    if (only := _embedded(source)) and not (Path(output) / MANIFEST_NAME).exists():
        descriptors = [one for one in descriptors if one.spec.name == only] or descriptors
    return _build(
        source,
        open_writer(output),
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
    images: Images,
    index: str | os.PathLike[str],
    *,
    weights: Mapping[str, str] | None = None,
    calibrate: bool = True,
    workers: int | None = None,
    memory: int | str | None = None,
    on_progress: OnProgress = lambda _: None,
    on_calibration: OnDone = lambda _done, _total: None,
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
    writer = open_writer(index)
    descriptors = load_descriptors(writer.specs, weights=weights)
    return _build(
        source,
        writer,
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
    writer: IndexWriter,
    output: str | os.PathLike[str],
    descriptors: Sequence[Descriptor],
    *,
    calibrate: bool,
    workers: int | None,
    memory: int | str | None,
    ray: str | None = None,
    on_progress: OnProgress,
    on_calibration: OnDone,
) -> BuildSummary:
    signal_table(descriptors)  # names that clash are an error before the work, not after it
    built = writer.add(
        source,
        descriptors,
        workers=workers,
        memory=_bytes(memory),
        ray=ray,
        on_progress=on_progress,
    )
    if calibrate:
        index = open_index(output)
        known = Calibration.of(index)
        if known is None or known.outgrown(built.records):
            _calibrate(
                Detector(_matching(index), descriptors), writer, None, on_progress=on_calibration
            )
    return built


def calibrate_index(
    index: str | os.PathLike[str],
    negatives: str | os.PathLike[str] | Iterable[HeldOutImage] | Callable[..., Any] | None = None,
    *,
    similar_rate: float = SIMILAR_RATE,
    memorized_rate: float = MEMORIZED_RATE,
    thorough: bool = False,
    clip_blocks: bool = False,
    weights: Mapping[str, str] | None = None,
    prompts: Sequence[str] | None = None,
    generations: int | None = None,
    output: str | os.PathLike[str] | None = None,
    batch_size: int = AUDIT_BATCH,
    seed: int = 0,
    arguments: Mapping[str, Any] | None = None,
    on_progress: OnDone = lambda _done, _total: None,
    on_generation: OnStep = lambda _what, _done, _total: None,
) -> Calibration:
    """Choose the thresholds of an index and save them in it.

    With fewer negatives than 3 / rate, the default thresholds stay, tightened where the negatives
    contradict them; the result says what is proven.

    Args:
        index: the index directory, or its address in Milvus.
        negatives: images that are not in the training set: a folder, or Pillow images and files.
            Or a diffusion pipeline, or any callable as for :func:`memguard.audit`, that is not
            guarded: its own images are made and kept in ``output``, and those that are copies or
            nearly the same are set aside; write ``yes`` or ``no`` into its ``review.csv`` and call
            again, with the pipeline or with that folder. None for leave-one-out.
        similar_rate, memorized_rate: allowed rates of flagged and of blocked novel images.
        thorough: calibrate for ``guard(..., thorough=True)``.
        clip_blocks: let CLIP block too; by default it only flags.
        weights: by descriptor, where the index's weights are, if they have moved.
        prompts: for a pipeline: distinct texts like those of its users.
        generations: images that the pipeline makes, by default as many as prove the rates, and a
            tenth more. More than there are adds to the folder.
        output: the folder of the pipeline's images; by default beside the index.
        batch_size, seed, arguments: of the pipeline's calls, as for :func:`memguard.audit`.
        on_progress: called with images measured and images to measure.
        on_generation: called with a step's name, the images made, and all images.

    Raises:
        CalibrationError: a rate outside (0, 1), or fewer images to be flagged than blocked; or no
            negative that is evidence.
        ConfigurationError: an argument is out of range, or is for a pipeline and there is none.
        IndexUnavailableError, WeightsError: see :class:`memguard.Guard`.
        UnsupportedOutputError: the pipeline returns no images that memguard can read.
    """
    check_rates(similar_rate, memorized_rate)
    opened = open_index(index)
    descriptors = load_descriptors(opened.specs, weights=weights)
    detector = Detector(_matching(opened), descriptors, thorough=thorough)
    if callable(negatives):
        used: Negatives | None = generate_negatives(
            negatives,
            prompts,
            generations_folder(index) if output is None else output,
            generations_needed(min(similar_rate, memorized_rate))
            if generations is None
            else generations,
            batch_size=batch_size,
            seed=seed,
            arguments=arguments,
            on_progress=on_generation,
        )
    elif prompts is not None or generations is not None or output is not None:
        raise ConfigurationError("prompts, generations and output are for negatives of a pipeline")
    else:
        used = _given(negatives, on_generation)
    try:
        calibration = _calibrate(
            detector,
            open_writer(index),
            used,
            similar_rate=similar_rate,
            memorized_rate=memorized_rate,
            clip_blocks=clip_blocks,
            on_progress=on_progress,
        )
    except CalibrationError as error:
        if isinstance(used, Generations) and len(used):
            review = used.write_review()
            raise CalibrationError(f"{error}, or say in {review} which are novel") from error
        raise
    if isinstance(used, Generations):
        used.write_review()
    return calibration


def calibration_at(
    index: str | os.PathLike[str],
    *,
    similar_rate: float = SIMILAR_RATE,
    memorized_rate: float = MEMORIZED_RATE,
    weights: Mapping[str, str] | None = None,
) -> Calibration:
    """The calibration of an index at other rates, from the distances that were measured; the index
    keeps its own. To be tried with ``guard(..., trial=...)``.

    By leave-one-out and with fewer negatives than 3 / rate, no threshold becomes looser than its
    default.

    Args:
        index: the index directory, or its address in Milvus.
        similar_rate, memorized_rate, weights: see :func:`calibrate_index`.

    Raises:
        CalibrationError: a rate outside (0, 1), or fewer images to be flagged than blocked; or the
            index has not been calibrated.
        IndexUnavailableError, WeightsError: see :class:`memguard.Guard`.
    """
    check_rates(similar_rate, memorized_rate)
    opened = open_index(index)
    measured, stored = Measurements.of(opened), Calibration.of(opened)
    signals = signal_table(load_descriptors(opened.specs, weights=weights))
    if stored is None or not measured.negatives:
        raise CalibrationError(f"{index} has no measured calibration; run `memguard calibrate`")
    return choose_thresholds(
        measured,
        *operating_rules(
            [signals[name] for name in measured.negatives if name in signals],
            similar_rate,
            memorized_rate,
        ),
        records=stored.records,
        thorough=stored.thorough,
        source=stored.source,
    )


def generations_folder(index: str | os.PathLike[str]) -> Path:
    """Where a pipeline's images for a calibration are kept by default: beside the index.

    Raises:
        ConfigurationError: the index is an address in Milvus.
    """
    if in_milvus(index):
        raise ConfigurationError(f"{index} is no directory: name a folder for the images (output)")
    path = Path(index)
    return path.with_name(f"{path.name.removesuffix('.memguard')}{GENERATIONS_SUFFIX}")


def _matching(index: Index) -> Index:
    """The index as a calibration sees it: quarantined references match what they should not."""
    quarantined = index.exemptions().quarantined
    return index.excluding(quarantined) if quarantined else index


def _given(
    negatives: str | os.PathLike[str] | Iterable[HeldOutImage] | None, on_generation: OnStep
) -> Negatives | None:
    """Negatives that need not be made."""
    if negatives is None:
        return None
    if isinstance(negatives, (str, os.PathLike)) and is_run(negatives):
        return Generations.open(negatives, on_generation)
    return HeldOut.of(negatives)


def _calibrate(
    detector: Detector,
    writer: IndexWriter,
    negatives: Negatives | None,
    *,
    similar_rate: float = SIMILAR_RATE,
    memorized_rate: float = MEMORIZED_RATE,
    clip_blocks: bool = False,
    on_progress: OnDone,
) -> Calibration:
    asked: dict[str, Any] = {
        "similar_rate": similar_rate,
        "memorized_rate": memorized_rate,
        "clip_blocks": clip_blocks,
    }
    chosen, measured = choose_calibration(detector, negatives, on_progress=on_progress, **asked)
    recorded = calibration_facts(detector, negatives, **asked)
    calibration = msgspec.structs.replace(chosen, provenance=recorded)
    writer.write_document(MEASUREMENTS, measured.to_bytes())
    writer.write_document(CALIBRATION, calibration.to_bytes())
    writer.write_document(CALIBRATION_PAGE, None)
    return calibration


def remove_images(index: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Take images down: no search finds them any more, and no build takes them in again.

    Readers of a directory see it when they open the index again or reload it, readers of Milvus in
    their next search.

    Args:
        index: the index directory, or its address in Milvus.
        ids: of records; removing one twice changes nothing.

    Raises:
        ConfigurationError: an id that the index does not hold.
        BuildError: somebody else changes the index.
        IndexUnavailableError: there is no index.
    """
    return open_writer(index).remove(ids)


def readmit_images(index: str | os.PathLike[str], ids: Collection[str]) -> Removal:
    """Undo :func:`remove_images`: records that were not compacted away are found again, and builds
    and pushes take the images in again.

    Raises:
        BuildError, IndexUnavailableError: as :func:`remove_images`.
    """
    return open_writer(index).readmit(ids)


def find_ids(index: str | os.PathLike[str], uri: str) -> list[str]:
    """The ids of the records with this file's path or published address, sorted.

    Indexes name files by full paths; a path that none has is taken from the working directory.

    Raises:
        IndexUnavailableError: there is no index.
    """
    writer = open_writer(index)
    return writer.find_ids(uri) or writer.find_ids(str(Path(uri).resolve()))


def find_copied(
    index: str | os.PathLike[str],
    images: Sequence[Image.Image],
    *,
    weights: Mapping[str, str] | None = None,
) -> list[list[Match]]:
    """All references that each image copies, so that they can be removed.

    Args:
        index: the index directory, or its address in Milvus.
        images: any Pillow images.
        weights: by descriptor, where the index's weights are, if they have moved.

    Raises:
        ConfigurationError: an image is blank.
        IndexUnavailableError, WeightsError: see :class:`memguard.Guard`.
    """
    detector = calibrated_detector(open_index(index), weights=weights)
    return [find_copies(detector, image) for image in images]


def merge_indexes(
    indexes: Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    memory: int | str | None = None,
    on_progress: OnDone = lambda _done, _total: None,
) -> Manifest:
    """Make one index of several; see :func:`memguard.index.maintenance.merge.merge`."""
    directories = [directory_of(index) for index in indexes]
    return merge(directories, directory_of(output), memory=_bytes(memory), on_progress=on_progress)


def compact_index(index: str | os.PathLike[str]) -> Compaction:
    """Take deleted records out of all files; see :mod:`memguard.index.maintenance.compaction`."""
    return compaction.compact(directory_of(index))


def verify_index(
    index: str | os.PathLike[str],
    *,
    mend: bool = False,
    on_progress: OnDone = lambda _done, _total: None,
) -> Verification:
    """Check every file's fingerprint; see :func:`memguard.index.maintenance.verify.verify`."""
    return verify.verify(directory_of(index), mend=mend, on_progress=on_progress)


def summarize_index(index: str | os.PathLike[str]) -> Summary:
    """An index in figures; see :func:`memguard.index.maintenance.summary.summarize`."""
    return summary.summarize(directory_of(index))


def most_repeated(index: str | os.PathLike[str], count: int) -> list[Repeated]:
    """The ``count`` images that the most files of the training set show, most files first."""
    return duplicates.most_repeated(DirectoryIndex.open(directory_of(index)), count)


def redundant_files(index: str | os.PathLike[str]) -> Iterator[str]:
    """The uris of all files but the first of each image and its near-duplicates."""
    return duplicates.redundant_files(DirectoryIndex.open(directory_of(index)))


def push_index(
    index: str | os.PathLike[str],
    address: str | os.PathLike[str],
    *,
    on_progress: OnDone = lambda _done, _total: None,
) -> PushSummary:
    """Copy an index to Milvus; see :func:`memguard.index.milvus.push.push`."""
    return push.push(directory_of(index), address, on_progress=on_progress)


def _bytes(memory: int | str | None) -> int | None:
    return None if memory is None else size_in_bytes(memory)


def _opened(images: Images) -> Source:
    return images if isinstance(images, Source) else open_source(images)


def _embedded(source: Source) -> str | None:
    """The descriptor of a source that holds nothing but embeddings."""
    return source.descriptor if isinstance(source, Embedded) else None
