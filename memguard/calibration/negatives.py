"""Negatives: images that copy nothing in the index, such as its references by leave-one-out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from PIL import Image

from memguard.calibration.contamination import copied
from memguard.calibration.measurements import Method
from memguard.detection.detector import Detector
from memguard.errors import UnreadableImageError
from memguard.files import read_regular
from memguard.index import Index
from memguard.index.ingest.reader import content_id
from memguard.index.record import Record
from memguard.verdict import Match, TextGuidance
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

    source: str = ""
    """Which images these are, in words, for reports."""

    folder: Path | None = None
    """Where they lie, for commands that use them again."""

    alike: Mapping[str, int] = MappingProxyType({})
    """How many of these negatives are nearly the same, for those that are not one of a kind."""

    copies: Mapping[str, bool] = MappingProxyType({})
    """Whether a negative is a copy, for those that a human has judged."""

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

    def text_guidance(
        self,
        set_aside: Collection[str],  # noqa: ARG002 - for those that have prompts
    ) -> list[TextGuidance]:
        """What was read of the prompts of these images, one value for each prompt.

        Args:
            set_aside: addresses of images that are copies; their prompts are no ordinary ones.
        """
        return []


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


def reference_pictures(index: Index, rows: Sequence[int]) -> list[Named]:
    """Ids and pictures of references, at full size where their file is unchanged."""
    return [(record.id, Picture(_image(record))) for record in index.take(rows)]


def _image(record: Record) -> Image.Image:
    """The image at full size if its file still has the same bytes, else the thumbnail."""
    try:
        data = read_regular(Path(record.uri))
        return decode(data)[0] if content_id(data) == record.id else record.image()
    except (OSError, UnreadableImageError):
        return record.image()
