"""The calibration of an index as it is stored: thresholds, and what they are worth."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from memguard.calibration.measurements import ContaminatedNegative, Method
from memguard.calibration.rates import Rate
from memguard.calibration.text_guidance import GuidanceThreshold
from memguard.errors import CalibrationError
from memguard.files import checked_json, read_checked
from memguard.index import Index
from memguard.index.store.documents import CALIBRATION
from memguard.notebook import card
from memguard.signal_type import Threshold
from memguard.verdict import Label

GROWTH = 1.1
"""Size of the index, relative to its size at calibration, above which to calibrate again. Chosen
by hand: the best distance over N references falls slowly with N."""

Status = Literal["proven", "not proven", "missed"]

PROVES: Mapping[Method, str] = {
    "generations": "the rate for images that this model makes of prompts like these",
    "held-out": "the rate for new images like these; generated images may come closer",
    "leave-one-out": "how close the training set's own images come to each other; it proves no "
    "rate for generated images",
}
"""What negatives of each method are evidence of."""


class OperatingPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One operating point: the target rate, and what was observed.

    Attributes:
        target: the allowed false-positive rate, in (0, 1).
        calibrated: whether there were enough negatives to choose the thresholds; otherwise the
            defaults apply, tightened where negatives contradict the target.
        observed: the false-positive rate by cross-validation over the negatives.
        at_worst: the same if every contaminated negative that no human has judged were novel
            after all, and within the thresholds.
        recall: transform of the simulated copies to the share of them that is found.
    """

    target: float
    calibrated: bool
    observed: Rate
    at_worst: Rate
    recall: dict[str, float]

    @property
    def status(self) -> Status:
        """Whether the negatives prove the target, contradict it, or neither."""
        if self.calibrated and self.observed.upper <= self.target:
            return "proven"
        return "missed" if self.observed.lower > self.target else "not proven"

    @property
    def in_words(self) -> str:
        """The target, whether it is proven, what was observed, and the recall, on one line."""
        return (
            f"at {self.target:.3g}: {self.status}, observed {self.observed.share:.3g} "
            f"(<= {self.observed.upper:.3g}), recall {self.mean_recall:.0%}"
        )

    @property
    def mean_recall(self) -> float:
        """The recall's mean over transforms; 0 without simulated copies."""
        return sum(self.recall.values()) / max(len(self.recall), 1)


class Calibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Thresholds of an index, how they were chosen, and what they are worth.

    Attributes:
        thresholds: signal name to thresholds.
        similar, memorized: the two operating points.
        method: where the negatives came from.
        negatives: how many were measured, without blank and contaminated ones.
        blank: negatives that show nothing.
        contaminated: negatives that are no evidence about novel images.
        records: references in the index at calibration.
        thorough: whether the detector was thorough.
        source: which images the negatives are, in words; empty for leave-one-out.
        shortfalls: in plain sentences, what this calibration finds less of than it should, the
            cause and the way on; see :mod:`memguard.calibration.shortfalls`.
        provenance: in words, what was calibrated, when, by which memguard, and the command that
            repeats it; empty for calibrations of memguard 0.1.
        text_guidance: the threshold on prompts; None where the negatives are no generations of a
            pipeline whose denoiser could be read.
    """

    thresholds: dict[str, Threshold]
    similar: OperatingPoint
    memorized: OperatingPoint
    method: Method
    negatives: int
    blank: int
    contaminated: tuple[ContaminatedNegative, ...] = msgspec.field(name="set_aside")
    records: int
    thorough: bool
    source: str = ""
    shortfalls: tuple[str, ...] = ()
    provenance: dict[str, str] = {}
    text_guidance: GuidanceThreshold | None = None

    @property
    def id(self) -> str:
        """The SHA-256 of its file."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def operating_points(self) -> dict[Label, OperatingPoint]:
        """The operating points by the label that they give."""
        return {"similar": self.similar, "memorized": self.memorized}

    def outgrown(self, records: int) -> bool:
        """Whether an index of this size should be calibrated again."""
        return records > GROWTH * self.records

    def require_signals(self, measurable: Collection[str], index: str) -> None:
        """Refuse thresholds of signals that cannot be measured here.

        Args:
            measurable: names of the signals that the index can measure.
            index: name of the index, for the error.

        Raises:
            CalibrationError: a package that offered a signal is no longer installed.
        """
        for name in self.thresholds:
            if name not in measurable:
                raise CalibrationError(
                    f"{index} was calibrated with the signal {name!r}, which is not installed "
                    f"here: install the package that offers it, or run `memguard calibrate {index}`"
                )

    def __repr__(self) -> str:
        points = "; ".join(
            f"{label} {point.in_words}" for label, point in self.operating_points().items()
        )
        return f"<Calibration by {self.method}, {self.negatives} negatives: {points}>"

    def _repr_html_(self) -> str:
        """For notebooks: what was measured, what it proves, and the thresholds."""
        rows = {str(label): point.in_words for label, point in self.operating_points().items()}
        for name, limit in self.thresholds.items():
            block = "never" if limit.memorized is None else f"{limit.memorized:.4g}"
            rows[name] = f"flag at {limit.similar:.4g}, block at {block}"
        if self.text_guidance is not None:
            rows["prompts"] = self.text_guidance.in_words
        title = f"Calibration by {self.method}: {self.negatives} negatives, {self.records} records"
        return card(title, rows)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values, under the stored names."""
        values: dict[str, Any] = msgspec.to_builtins(self)
        return values

    def to_bytes(self) -> bytes:
        """JSON with a checksum; what :meth:`from_bytes` reads."""
        return checked_json(self.to_json())

    @classmethod
    def of(cls, index: Index) -> Calibration | None:
        """The calibration of an open index, or None.

        Raises:
            CalibrationError: the stored calibration is damaged.
        """
        data = index.read_document(CALIBRATION)
        return None if data is None else cls.from_bytes(data, index.name)

    @classmethod
    def from_bytes(cls, data: bytes, index: str) -> Calibration:
        """The inverse of :meth:`to_bytes`.

        Args:
            data: the stored document.
            index: name of the index, for the error.

        Raises:
            CalibrationError: the document is damaged.
        """
        try:
            return msgspec.convert(read_checked(data), cls)
        except ValueError as error:
            raise CalibrationError(
                f"the {CALIBRATION} of {index} is damaged ({error}); run `memguard calibrate "
                f"{index}`"
            ) from error
