"""Measured distances of negatives and of simulated copies, as they are stored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from memguard.errors import CalibrationError
from memguard.files import checked_json, read_checked
from memguard.index import Index
from memguard.index.store.documents import MEASUREMENTS

DECIMALS = 5
"""Decimals of a stored distance."""

Method = Literal["held-out", "leave-one-out", "generations"]
"""Where negatives come from: images outside the training set; its own references, each with itself
and its near-duplicates excluded; or images that the model made."""

Distances = Mapping[str, NDArray[np.float64]]
"""Signal name to one distance per query, float64 (n,); infinite where nothing was compared."""


class ContaminatedNegative(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True
):
    """A negative that is no evidence about novel images, because it copies a reference or is one of
    many generations that are nearly the same.

    Attributes:
        image: the negative's name; its uri for leave-one-out.
        reference: uri of the reference that it copies, else of the nearest; empty without any.
        distances: between the two, by signal.
        agreed: whether independent signals agree that it copies the reference.
        alike: generations that are nearly this one, with itself; 0 for one of a kind.
        judged: whether a human has said that it is a copy.
    """

    image: str
    reference: str
    distances: dict[str, float]
    agreed: bool = True
    alike: int = 0
    judged: bool = False

    @property
    def reason(self) -> str:
        """Why it was set aside, in words."""
        reasons = ["a human said that it is a copy"] if self.judged else []
        if self.alike:
            reasons.append(f"one of {self.alike} that are nearly the same")
        if self.agreed:
            reasons.append(f"a copy of {self.reference}")
        elif self.reference:
            reasons.append(f"nearest to {self.reference}")
        return ", ".join(reasons)


@dataclass(frozen=True)
class Measurements:
    """The input of threshold selection and of the report's plots.

    Attributes:
        negatives: distances of the novel images.
        simulated_copies: distances of the simulated copies to their own reference.
        transforms: what made each simulated copy.
        method: where the negatives came from.
        blank: negatives that show nothing, not measured.
        contaminated: negatives that are no evidence about novel images.
        nearest: the negatives that came nearest to a reference that they do not copy.
    """

    negatives: Distances
    simulated_copies: Distances
    transforms: tuple[str, ...]
    method: Method
    blank: int
    contaminated: tuple[ContaminatedNegative, ...]
    nearest: tuple[ContaminatedNegative, ...] = ()

    @property
    def count(self) -> int:
        """Negatives measured."""
        return len(next(iter(self.negatives.values()), ()))

    @property
    def doubtful(self) -> int:
        """Negatives that were set aside, and may be novel after all: no human has judged them. By
        leave-one-out none is, as those are measured to other references."""
        if self.method == "leave-one-out":
            return 0
        return sum(not negative.judged for negative in self.contaminated)

    def to_bytes(self) -> bytes:
        """JSON with a checksum; what :meth:`of` reads."""
        stored = _Stored(
            negatives=_finite(self.negatives),
            simulated_copies=_finite(self.simulated_copies),
            transforms=self.transforms,
            method=self.method,
            blank=self.blank,
            contaminated=self.contaminated,
            nearest=self.nearest,
        )
        return checked_json(msgspec.to_builtins(stored))

    @classmethod
    def of(cls, index: Index) -> Measurements:
        """The measurements behind an open index's calibration.

        Raises:
            CalibrationError: there are none, or they are damaged.
        """
        return cls.from_bytes(index.read_document(MEASUREMENTS) or b"", index.name)

    @classmethod
    def from_bytes(cls, data: bytes, index: str) -> Measurements:
        """The inverse of :meth:`to_bytes`.

        Args:
            data: the stored document; empty where there is none.
            index: name of the index, for the error.

        Raises:
            CalibrationError: there are none, or they are damaged.
        """
        try:
            stored = msgspec.convert(read_checked(data), _Stored)
        except ValueError as error:
            raise CalibrationError(
                f"{index} has no readable measurements ({error}); run `memguard calibrate {index}`"
            ) from error
        return cls(
            negatives=_with_infinity(stored.negatives),
            simulated_copies=_with_infinity(stored.simulated_copies),
            transforms=stored.transforms,
            method=stored.method,
            blank=stored.blank,
            contaminated=stored.contaminated,
            nearest=stored.nearest,
        )


_Columns = dict[str, list[float | None]]


class _Stored(msgspec.Struct, forbid_unknown_fields=True):
    """Measurements in JSON, where null means infinity."""

    negatives: _Columns
    simulated_copies: _Columns = msgspec.field(name="copies")
    transforms: tuple[str, ...]
    method: Method
    blank: int
    contaminated: tuple[ContaminatedNegative, ...] = msgspec.field(name="set_aside")
    nearest: tuple[ContaminatedNegative, ...] = ()


def _finite(distances: Distances) -> _Columns:
    return {
        name: [None if math.isinf(value) else round(value, DECIMALS) for value in column.tolist()]
        for name, column in distances.items()
    }


def _with_infinity(columns: _Columns) -> Distances:
    return {
        name: np.array([math.inf if value is None else value for value in column], np.float64)
        for name, column in columns.items()
    }
