"""Sources of negatives: held-out images, or the index's own references by leave-one-out."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, overload

from PIL import Image

from memguard.calibration.contamination import copied
from memguard.calibration.measurements import Method
from memguard.detection.detector import Detector
from memguard.errors import CalibrationError, UnreadableImageError
from memguard.index import Index
from memguard.index.ingest.reader import content_id
from memguard.index.record import Record
from memguard.sources import Folder
from memguard.verdict import Match
from memguard.vision.decode import decode
from memguard.vision.picture import Picture

LEFT_OUT = 3000
"""References queried by leave-one-out, at most: as many as prove a rate of 1e-3 (rule of three)."""

EXTRA_NEIGHBOURS = 1
"""Neighbours searched besides the usual ones where a reference is left out: it finds itself."""

MANY_NEIGHBOURS = 50
"""Neighbours searched besides the usual ones where all found are copies of the one left out."""

Named = tuple[str, Picture]
"""A picture with its name: a path for held-out images, an id for references."""


class Negatives(ABC):
    """Images that copy nothing in the index, and how they are compared with it."""

    method: ClassVar[Method]

    keeps_contaminated: ClassVar[bool]
    """Whether a contaminated negative counts by its distances to what it does not copy."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def read(self, start: int, stop: int) -> list[Named]:
        """The negatives from ``start`` up to ``stop``."""

    @abstractmethod
    def find_matches(self, detector: Detector, negatives: Sequence[Named]) -> list[list[Match]]:
        """Candidates of each negative with their distances; none of the negatives is blank."""

    @abstractmethod
    def address(self, name: str) -> str:
        """The negative's file, for reports."""


class HeldOut(Negatives):
    """Images that are not in the training set."""

    method = "held-out"
    keeps_contaminated = False

    def __init__(self, pictures: Sequence[Named]) -> None:
        self._pictures = pictures

    def __len__(self) -> int:
        return len(self._pictures)

    def read(self, start: int, stop: int) -> list[Named]:
        return list(self._pictures[start:stop])

    def find_matches(self, detector: Detector, negatives: Sequence[Named]) -> list[list[Match]]:
        return detector.find_matches([picture for _, picture in negatives])

    def address(self, name: str) -> str:
        return name


class LeaveOneOut(Negatives):
    """References of the index, each compared with all others.

    Args:
        index: the training set.
        rows: the references.
    """

    method = "leave-one-out"
    keeps_contaminated = True

    def __init__(self, index: Index, rows: Sequence[int]) -> None:
        self._index = index
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, start: int, stop: int) -> list[Named]:
        return reference_pictures(self._index, self._rows[start:stop])

    def find_matches(self, detector: Detector, negatives: Sequence[Named]) -> list[list[Match]]:
        found = detector.find_matches(
            [picture for _, picture in negatives],
            excluded_ids=[reference for reference, _ in negatives],
            extra_neighbours=EXTRA_NEIGHBOURS,
        )
        return [
            self._search_further(detector, negative)
            if len(copied(matches, detector.signals)) == len(matches)
            else matches
            for negative, matches in zip(negatives, found, strict=True)
        ]

    def address(self, name: str) -> str:
        record = self._index.find(name)
        return record.uri if record else name

    def _search_further(self, detector: Detector, negative: Named) -> list[Match]:
        reference, picture = negative
        (matches,) = detector.find_matches(
            [picture], excluded_ids=[reference], extra_neighbours=MANY_NEIGHBOURS
        )
        return matches


class FolderPictures(Sequence[Named]):
    """The readable images of a folder, each decoded on access."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._items = list(Folder(root).iterate())

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, at: int) -> Named: ...
    @overload
    def __getitem__(self, at: slice) -> list[Named]: ...
    def __getitem__(self, at: int | slice) -> Named | list[Named]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(len(self)))]
        item = self._items[at]
        try:
            return item.uri, Picture(decode(item.read())[0])
        except (OSError, UnreadableImageError) as error:
            raise CalibrationError(
                f"{item.uri} is no readable image ({error}); take it out of the negatives"
            ) from error


def reference_pictures(index: Index, rows: Sequence[int]) -> list[Named]:
    """Ids and pictures of references, at full size where their file is unchanged."""
    return [(record.id, Picture(_image(record))) for record in index.take(rows)]


def _image(record: Record) -> Image.Image:
    """The image at full size if its file still has the same bytes, else the thumbnail."""
    try:
        data = Path(record.uri).read_bytes()
        return decode(data)[0] if content_id(data) == record.id else record.image()
    except (OSError, UnreadableImageError):
        return record.image()
