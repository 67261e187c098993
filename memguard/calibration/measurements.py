"""What calibration measures: distances of negatives, and of simulated copies.

Negatives that are copies of references after all would drive every threshold to zero; they are
recognised by the agreement of independent signals, set aside and reported.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.calibration.quantiles import Distances
from memguard.detection.detector import Detector
from memguard.detection.signals import DEFAULTS
from memguard.errors import CalibrationError, UnreadableImageError
from memguard.files import checked_json, read_checked, write_bytes
from memguard.index import Index
from memguard.index.ingest.reader import content_id
from memguard.index.record import Record
from memguard.index.store.documents import MEASUREMENTS
from memguard.sources import Folder
from memguard.verdict import Match
from memguard.vision.decode import decode
from memguard.vision.picture import Picture
from memguard.vision.transforms import simulated_copies

MOST_NEGATIVES = 3000
"""References queried by leave-one-out: enough for a rate of 1e-3."""
COPIED, FEWEST_COPIED = 40, 5
"""References whose simulated copies measure recall: a quarter of the index, within these bounds."""
OTHERS = 8
"""References that serve as the other pictures of insets and blends."""
BATCH = 16

MOST_DUPLICATES = 50
"""So many more references are looked at where all the nearest are copies of the one left out."""

WITNESSES: Mapping[str, float] = {
    "structure": 0.26,
    "phash256": 60,
    "aligned_structure": 0.45,
    "local_features": -5,
    "sscd_normalised": -0.36,
}
"""Distances within which a signal takes part in saying that a negative is a copy: near the closest
0.1 % of novel pictures, as the default thresholds."""

CERTAIN_FEATURES, CERTAIN_STRUCTURE = -25, 0.2
"""So many agreeing features on so close a structure make a copy without further witnesses."""

Method = Literal["held-out", "leave-one-out"]
Negatives = Sequence[tuple[str, Picture]]
"""Pictures that are not in the training set, each with a name for the report."""


class FolderPictures(Sequence[tuple[str, Picture]]):
    """The readable images of a folder as negatives, each read when it is looked at."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._items = list(Folder(root).iterate())

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> tuple[str, Picture]: ...
    @overload
    def __getitem__(self, at: slice) -> list[tuple[str, Picture]]: ...
    def __getitem__(self, at: int | slice) -> tuple[str, Picture] | list[tuple[str, Picture]]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        item = self._items[at]
        try:
            return item.uri, Picture(decode(item.read())[0])
        except (OSError, UnreadableImageError) as error:
            raise CalibrationError(
                f"{item.uri} is no readable image ({error}); take it out of the negatives"
            ) from error


@dataclass(frozen=True)
class SetAside:
    """A negative that is a copy of a reference, and so says nothing of novel images.

    Attributes:
        image: the negative's name; for leave-one-out its uri.
        reference: uri of the reference that it copies.
        distances: between the two.
    """

    image: str
    reference: str
    distances: dict[str, float]


@dataclass(frozen=True)
class Measurements:
    """The raw material of thresholds and plots.

    Attributes:
        negatives: distances of the novel images, one a query.
        copies: distances of the simulated copies to their own reference, one a copy.
        transforms: what made each copy.
        method: where the negatives came from.
        blank: negatives that show nothing and were not measured.
        set_aside: negatives that are copies.
    """

    negatives: Distances
    copies: Distances
    transforms: tuple[str, ...]
    method: Method
    blank: int
    set_aside: tuple[SetAside, ...]

    @property
    def count(self) -> int:
        """How many negatives were measured."""
        return len(next(iter(self.negatives.values()), ()))

    def write(self, directory: Path) -> None:
        """Save with the index, for plots and reviews."""
        write_bytes(directory / MEASUREMENTS, self.to_bytes())

    def to_bytes(self) -> bytes:
        """What :meth:`read` reads."""
        return checked_json(
            {
                "negatives": {name: _finite(row) for name, row in self.negatives.items()},
                "copies": {name: _finite(row) for name, row in self.copies.items()},
                "transforms": self.transforms,
                "method": self.method,
                "blank": self.blank,
                "set_aside": [vars(pair) for pair in self.set_aside],
            }
        )

    @classmethod
    def read(cls, directory: Path) -> Measurements:
        """What the calibration of the index in a directory measured.

        Raises:
            CalibrationError: there is none, or it is damaged.
        """
        path = directory / MEASUREMENTS
        return cls._parse(path.read_bytes() if path.exists() else b"", directory)

    @classmethod
    def of(cls, index: Index) -> Measurements:
        """What an opened index's calibration measured.

        Raises:
            CalibrationError: there is none, or it is damaged.
        """
        return cls._parse(index.read_document(MEASUREMENTS) or b"", index.name)

    @classmethod
    def _parse(cls, text: bytes, where: object) -> Measurements:
        try:
            data = read_checked(text)
            for side in ("negatives", "copies"):
                data[side] = {name: _with_infinity(row) for name, row in data[side].items()}
            data["transforms"] = tuple(data["transforms"])
            data["set_aside"] = tuple(SetAside(**pair) for pair in data["set_aside"])
            return cls(**data)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CalibrationError(
                f"{where} has no readable measurements ({error}); run `memguard calibrate {where}`"
            ) from error


def _finite(distances: NDArray[np.float64]) -> list[float | None]:
    return [None if math.isinf(value) else round(value, 5) for value in distances.tolist()]


def _with_infinity(distances: list[float | None]) -> NDArray[np.float64]:
    return np.array([math.inf if value is None else value for value in distances])


def measure(
    detector: Detector,
    negatives: Negatives | None,
    on_progress: Callable[[int, int], None],
    rng: np.random.Generator,
) -> Measurements:
    """Measure negatives and simulated copies against the detector's index.

    Args:
        detector: its thresholds only order the matches.
        negatives: held-out pictures; None for leave-one-out on the index itself.
        on_progress: called with queries measured and queries to measure.
        rng: draws the samples and the simulated copies.
    """
    sample = sorted(detector.index.sample(MOST_NEGATIVES, rng))
    copies = list(_simulated(detector.index, rng))
    count = len(sample) if negatives is None else len(negatives)
    total = count + len(copies)

    rows: list[Mapping[str, float]] = []
    set_aside: list[SetAside] = []
    blank = 0
    for start in range(0, count, BATCH):
        stop = start + BATCH
        batch = (
            _references(detector.index, sample[start:stop])
            if negatives is None
            else negatives[start:stop]
        )
        shown = [(name, picture) for name, picture in batch if not picture.is_blank]
        blank += len(batch) - len(shown)
        left_out = [name for name, _ in shown] if negatives is None else ()
        deeper = 1 if left_out else 0
        measured = detector.find_matches([picture for _, picture in shown], left_out, deeper)
        for (name, picture), matches in zip(shown, measured, strict=True):
            copied = _copied(matches)
            if negatives is None and len(matches) == len(copied):
                (matches,) = detector.find_matches([picture], [name], MOST_DUPLICATES)
                copied = _copied(matches)
            if copied:
                record = detector.index.find(name) if negatives is None else None
                shown_as = record.uri if record else name
                set_aside.append(SetAside(shown_as, copied[0].uri, copied[0].distances))
            if negatives is None or not copied:
                rows.append(_closest([match for match in matches if match not in copied]))
        on_progress(min(stop, count), total)

    found: list[Mapping[str, float]] = []
    for start in range(0, len(copies), BATCH):
        part = copies[start : start + BATCH]
        measured = detector.find_matches([picture for _, _, picture in part])
        for (_, original, _), matches in zip(part, measured, strict=True):
            found.append(_closest([match for match in matches if match.id == original]))
        on_progress(count + min(start + BATCH, len(copies)), total)

    signals = [name for name in DEFAULTS if any(name in row for row in (*rows, *found))]
    return Measurements(
        negatives=_columns(rows, signals),
        copies=_columns(found, signals),
        transforms=tuple(name for name, _, _ in copies),
        method="leave-one-out" if negatives is None else "held-out",
        blank=blank,
        set_aside=tuple(set_aside),
    )


def _copied(matches: Sequence[Match]) -> list[Match]:
    """The matches of which the query is a copy."""
    return [match for match in matches if is_copy(match.distances)]


def is_copy(distances: Mapping[str, float]) -> bool:
    """Whether independent signals agree, by their own limits, that this is a copy.

    Layout (structure, hash), pieces (aligned local features) and embedding are the witnesses: two
    of them, or both signals of the layout, or very many features.
    """

    def within(name: str) -> bool:
        return distances.get(name, math.inf) <= WITNESSES[name]

    layout = within("structure") + within("phash256")
    pieces = within("aligned_structure") and within("local_features")
    certain = (
        distances.get("local_features", math.inf) <= CERTAIN_FEATURES
        and distances.get("aligned_structure", math.inf) <= CERTAIN_STRUCTURE
    )
    return certain or layout == 2 or (layout > 0) + pieces + within("sscd_normalised") >= 2


def _closest(matches: Sequence[Match]) -> Mapping[str, float]:
    names = dict.fromkeys(name for match in matches for name in match.distances)
    return {
        name: min(match.distances[name] for match in matches if name in match.distances)
        for name in names
    }


def _references(index: Index, positions: Sequence[int]) -> list[tuple[str, Picture]]:
    return [(record.id, Picture(_image(record))) for record in index.take(positions)]


def _image(record: Record) -> Image.Image:
    """The reference at full size if its file is still there unchanged, else its thumbnail."""
    try:
        data = Path(record.uri).read_bytes()
        return decode(data)[0] if content_id(data) == record.id else record.image()
    except (OSError, UnreadableImageError):
        return record.image()


def _simulated(index: Index, rng: np.random.Generator) -> Iterator[tuple[str, str, Picture]]:
    """Transform, id of the reference, and the copy, for a sample of the references."""
    order = index.sample(len(index), rng)
    others = [picture.image for _, picture in _references(index, order[-OTHERS:])]
    count = min(COPIED, max(FEWEST_COPIED, len(order) // 4))
    for original, picture in _references(index, order[:count]):
        if not picture.is_blank:
            for name, transform in simulated_copies(others).items():
                yield name, original, Picture(transform(picture.image, rng))


def _columns(rows: Sequence[Mapping[str, float]], signals: Sequence[str]) -> Distances:
    return {
        name: np.array([row.get(name, math.inf) for row in rows], dtype=np.float64)
        for name in signals
    }
