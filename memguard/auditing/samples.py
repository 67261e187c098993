"""The images of an audit, before anything is compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from memguard.verdict import TextGuidance

Status = Literal["made", "withheld", "blank", "unreadable"]
"""``made``: an image with something on it. ``withheld``: a guard withheld it. ``blank``: of one
colour, as from a safety checker. ``unreadable``: with NaN or infinite levels. Only ``made`` images
are compared: blank ones are all alike."""


@dataclass(frozen=True)
class Sample:
    """One image of an audit.

    Attributes:
        file: its path in the audit's folder; None where there is no picture.
        status: see :data:`Status`.
        seed: of the image where the pipeline takes a seed for each, else of the call that made it;
            None where the pipeline takes none.
        position: of the image in that call's output.
        text_guidance: of its prompt; None where it could not be read.
    """

    file: str | None
    status: Status
    seed: int | None
    position: int
    text_guidance: TextGuidance | None = None


@dataclass(frozen=True)
class Counts:
    """How many images there are of each :data:`Status`."""

    made: int
    withheld: int
    blank: int
    unreadable: int

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Counts:
        counted: Counter[Status] = Counter(sample.status for sample in samples)
        return cls(counted["made"], counted["withheld"], counted["blank"], counted["unreadable"])

    @property
    def total(self) -> int:
        return self.made + self.withheld + self.blank + self.unreadable
