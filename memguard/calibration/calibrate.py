"""Calibration: thresholds for this very index, and what they are worth.

The best distance over N references falls as N grows, so thresholds belong to an index. They are
chosen from *negatives*, images that copy nothing in it: held-out ones, or, by leave-one-out, its
own references with themselves and their near-duplicates taken out. Simulated copies
(:mod:`memguard.vision.transforms`) tell which signals deserve the allowed false-positive rate.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from memguard.calibration.measurements import Measurements, Method, Negatives, SetAside, measure
from memguard.calibration.quantiles import Distances, choose, flagged
from memguard.defaults import MEMORIZED_RATE, NEEDED_PER_RATE, SIMILAR_RATE
from memguard.descriptors import load_descriptors
from memguard.detection.detector import Detector
from memguard.detection.signals import DEFAULTS, Threshold
from memguard.errors import CalibrationError
from memguard.files import checked_json, read_checked, write_bytes
from memguard.index import Index
from memguard.index.store.documents import CALIBRATION
from memguard.verdict import Label

CONFIDENCE = 0.95
"""Of the Clopper-Pearson bounds."""

TOGETHER: Mapping[Method, int] = {"held-out": 1, "leave-one-out": 2}
"""Negatives that one chance likeness flags: where references are left out, both of the two."""

FOLDS = 5
"""Parts of the negatives, each judged by thresholds chosen without it."""

GROWTH = 1.1
"""An index larger than this many times its size at calibration should be calibrated again."""

ONLY_FLAGS = ("clip",)
"""Signals that block only where the user asks for it."""


log = logging.getLogger("memguard")


@dataclass(frozen=True)
class Rate:
    """A share observed, with its Clopper-Pearson bounds at :data:`CONFIDENCE` (one-sided each)."""

    count: int
    total: int
    lower: float
    upper: float

    @classmethod
    def of(cls, count: int, total: int) -> Rate:
        """Clopper and Pearson 1934, by quantiles of the beta distribution."""
        lower = float(betaincinv(count, total - count + 1, 1 - CONFIDENCE)) if count else 0.0
        upper = float(betaincinv(count + 1, total - count, CONFIDENCE)) if count < total else 1.0
        return cls(count, total, lower, upper)

    @property
    def share(self) -> float:
        return self.count / self.total if self.total else math.nan


Status = Literal["proven", "not proven", "missed"]


@dataclass(frozen=True)
class Operating:
    """One working point: what was asked for, and what was seen.

    Attributes:
        target: the allowed false-positive rate.
        calibrated: whether there were negatives enough to choose thresholds by them; otherwise the
            defaults apply, drawn in where they flag negatives.
        observed: the rate on negatives that did not choose the thresholds (by folds).
        at_worst: the same, had every negative that was set aside been novel.
        recall: simulated copy to the share of them that is found.
    """

    target: float
    calibrated: bool
    observed: Rate
    at_worst: Rate
    recall: dict[str, float]

    @property
    def status(self) -> Status:
        """Whether the negatives prove the target, contradict it (at CONFIDENCE), or neither."""
        if self.observed.upper <= self.target:
            return "proven"
        return "missed" if self.observed.lower > self.target else "not proven"


@dataclass(frozen=True)
class Calibration:
    """Thresholds of an index, how they were found, and what they are worth.

    Attributes:
        thresholds: signal name to thresholds.
        similar, memorized: the two working points.
        method: where the negatives came from.
        negatives: how many were measured, without the blank ones and those set aside.
        blank: negatives that show nothing.
        set_aside: negatives that are copies.
        records: size of the index when it was calibrated.
        thorough: whether the detector looked inside parts of images.
    """

    thresholds: dict[str, Threshold]
    similar: Operating
    memorized: Operating
    method: Method
    negatives: int
    blank: int
    set_aside: tuple[SetAside, ...]
    records: int
    thorough: bool

    def points(self) -> dict[Label, Operating]:
        """The working points by the label that they give."""
        return {"similar": self.similar, "memorized": self.memorized}

    def outgrown(self, records: int) -> bool:
        """Whether an index of this many records should be calibrated again."""
        return records > GROWTH * self.records

    def write(self, directory: Path) -> None:
        """Save with the index, in one atomic step."""
        write_bytes(directory / CALIBRATION, self.to_bytes())

    def to_bytes(self) -> bytes:
        """What :meth:`read` and :meth:`of` read."""
        return checked_json(dataclasses.asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Calibration | None:
        """The index's calibration, or None where it has none.

        Raises:
            CalibrationError: the file is damaged.
        """
        try:
            return cls._parse((directory / CALIBRATION).read_bytes(), directory)
        except FileNotFoundError:
            return None

    @classmethod
    def of(cls, index: Index) -> Calibration | None:
        """The calibration that an opened index has, or None.

        Raises:
            CalibrationError: it is damaged.
        """
        data = index.read_document(CALIBRATION)
        return None if data is None else cls._parse(data, index.name)

    @classmethod
    def _parse(cls, text: bytes, where: object) -> Calibration:
        try:
            data = read_checked(text)
            return cls(
                thresholds={k: Threshold(**v) for k, v in data.pop("thresholds").items()},
                similar=_operating(data.pop("similar")),
                memorized=_operating(data.pop("memorized")),
                set_aside=tuple(SetAside(**row) for row in data.pop("set_aside")),
                **data,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise CalibrationError(
                f"the {CALIBRATION} of {where} is damaged ({error}); run `memguard calibrate "
                f"{where}`"
            ) from error


def _operating(data: dict[str, Any]) -> Operating:
    rates = {name: Rate(**data[name]) for name in ("observed", "at_worst")}
    return Operating(**{**data, **rates})


def calibrate(
    detector: Detector,
    negatives: Negatives | None = None,
    *,
    similar_rate: float = SIMILAR_RATE,
    memorized_rate: float = MEMORIZED_RATE,
    clip_blocks: bool = False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    seed: int = 0,
) -> tuple[Calibration, Measurements]:
    """Choose the thresholds of the detector's index.

    Args:
        detector: on the index to calibrate; its own thresholds are not looked at.
        negatives: names and pictures of images that are not in the training set; None for
            leave-one-out on the training set itself.
        similar_rate, memorized_rate: allowed rates of flagged and of blocked novel images.
        clip_blocks: let CLIP block too, at its calibrated threshold.
        on_progress: called with images measured and images to measure.
        seed: of the samples and the simulated copies.

    Raises:
        CalibrationError: a rate outside (0, 1), or fewer held-out negatives than 3 / rate.
    """
    for name, rate in (("similar_rate", similar_rate), ("memorized_rate", memorized_rate)):
        if not 0 < rate < 1:
            raise CalibrationError(f"{name} is {rate:g}; a rate lies between 0 and 1")
    if negatives is not None:
        _require_enough(len(negatives), min(similar_rate, memorized_rate))
    measured = measure(detector, negatives, on_progress, np.random.default_rng(seed))
    flag, block = working_points(
        list(measured.negatives), similar_rate, memorized_rate, clip_blocks=clip_blocks
    )
    flags, similar = operate(measured, flag)
    blocks, memorized = operate(measured, block)
    thresholds = {name: Threshold(limit, blocks.get(name)) for name, limit in flags.items()}
    calibration = Calibration(
        thresholds=thresholds,
        similar=similar,
        memorized=memorized,
        method=measured.method,
        negatives=measured.count,
        blank=measured.blank,
        set_aside=measured.set_aside,
        records=len(detector.index),
        thorough=detector.thorough,
    )
    return calibration, measured


def _require_enough(count: int, rate: float) -> None:
    need = math.ceil(NEEDED_PER_RATE / rate)
    if count < need:
        least = NEEDED_PER_RATE / max(count, 1)
        other = f", or allow a rate of {least:.2g}" if least < 1 else ""
        raise CalibrationError(
            f"a false-positive rate of {rate:g} needs at least {need} negatives, and there are "
            f"{count}: give more{other}"
        )


def calibrated_detector(
    index: Index,
    *,
    thorough: bool = False,
    weights: Mapping[str, str] | None = None,
    loaded: Detector | None = None,
) -> Detector:
    """The index's detector: its descriptors loaded, its calibrated thresholds, else the defaults.

    Logs a warning where the index has none, has outgrown them, or was calibrated otherwise.
    ``loaded``: a detector whose models are used again, where they are the index's.

    Raises:
        WeightsError: see :func:`memguard.descriptors.load_descriptors`.
        CalibrationError: the calibration is damaged.
    """
    if loaded is not None and loaded.index.specs == index.specs:
        descriptors = loaded.descriptors
    else:
        descriptors = load_descriptors(index.specs, weights=weights)
    calibration = Calibration.of(index)
    again = f"run `memguard calibrate {index.name}`"
    if calibration is None:
        log.warning("%s has not been calibrated; default thresholds apply: %s", index, again)
        return Detector(index, descriptors, thorough=thorough)
    if calibration.outgrown(len(index)):
        log.warning(
            "%s has grown from %d records since its calibration, so that more novel images may be "
            "flagged than was promised; %s",
            index,
            calibration.records,
            again,
        )
    if thorough and not calibration.thorough:
        log.warning("%s was calibrated without thorough; %s --thorough", index, again)
    return Detector(
        index,
        descriptors,
        calibration.thresholds,
        rates={
            label: point.target for label, point in calibration.points().items() if point.calibrated
        },
        thorough=thorough,
    )


@dataclass(frozen=True)
class WorkingPoint:
    """Thresholds to be chosen.

    Attributes:
        label: which thresholds.
        rate: the allowed false-positive rate of their union.
        signals: what may be given one.
        within: the stricter working point, whose thresholds these must not fall below: what blocks
            flags as well, and its rate is part of this one's.
    """

    label: Literal["similar", "memorized"]
    rate: float
    signals: tuple[str, ...]
    within: WorkingPoint | None = None

    def calibrated(self, negatives: int) -> bool:
        """Whether so many negatives can prove the rate."""
        return negatives >= NEEDED_PER_RATE / self.rate

    def thresholds(self, measured: Measurements, negatives: Distances) -> dict[str, float]:
        """Signal name to threshold, chosen by these of the negatives measured, and the copies."""
        stricter = self.within.thresholds(measured, negatives) if self.within else {}
        rate = self.rate - (self.within.rate if self.within else 0)
        here = {name: negatives[name] for name in self.signals}
        if not self.calibrated(measured.count):
            own = _drawn_in(here, self.rate, self.label, TOGETHER[measured.method])
        elif rate > 0:
            own = choose(here, {name: measured.copies[name] for name in self.signals}, rate)
        else:
            own = {}
        return {
            name: max(own.get(name, -math.inf), stricter.get(name, -math.inf))
            for name in self.signals
            if name in own or name in stricter
        }


def working_points(
    signals: Sequence[str], similar: float, memorized: float, *, clip_blocks: bool = False
) -> tuple[WorkingPoint, WorkingPoint]:
    """What flags and what blocks at these rates: CLIP only flags, unless ``clip_blocks``."""
    blocking = tuple(name for name in signals if clip_blocks or name not in ONLY_FLAGS)
    block = WorkingPoint("memorized", memorized, blocking)
    return WorkingPoint("similar", similar, tuple(signals), within=block), block


def operate(measured: Measurements, point: WorkingPoint) -> tuple[dict[str, float], Operating]:
    """The thresholds of one working point, and what they are worth."""
    count = measured.count

    def part(rows: NDArray[np.bool_]) -> Distances:
        return {name: values[rows] for name, values in measured.negatives.items()}

    folds = np.arange(count) % FOLDS
    false = sum(
        int(flagged(part(folds == fold), chosen).sum())
        for fold in range(min(FOLDS, count))
        if (chosen := point.thresholds(measured, part(folds != fold)))
    )
    thresholds = point.thresholds(measured, measured.negatives)
    found = (
        flagged(measured.copies, thresholds)
        if thresholds
        else np.zeros(len(measured.transforms), dtype=bool)
    )
    kinds = np.array(measured.transforms)
    recall = {name: float(found[kinds == name].mean()) for name in dict.fromkeys(kinds.tolist())}
    doubtful = len(measured.set_aside) if measured.method == "held-out" else 0
    return thresholds, Operating(
        target=point.rate,
        calibrated=point.calibrated(count),
        observed=Rate.of(false, count),
        at_worst=Rate.of(false + doubtful, count + doubtful),
        recall=recall,
    )


def _drawn_in(negatives: Distances, rate: float, point: str, together: int) -> dict[str, float]:
    """The default thresholds, each drawn in as far as these negatives contradict the rate.

    So few negatives cannot choose thresholds, but they can show that one is too loose: where more
    are within it than the rate explains, at :data:`CONFIDENCE`. One odd pair of references alike
    does not, and must not cost the copies of all others. Negatives that are flagged ``together``
    are as sure as one.
    """
    limits: dict[str, float] = {}
    for name, distances in negatives.items():
        limit = getattr(DEFAULTS[name], point)
        if limit is not None:
            explained = together * _explained(len(distances) // together, rate)
            nearest = np.sort(distances)[explained:].min(initial=np.inf)
            limits[name] = float(min(limit, np.nextafter(nearest, -np.inf)))
    return limits


def _explained(count: int, rate: float) -> int:
    """The most of so many negatives that may be flagged without contradicting a rate."""
    flagged = 0
    while flagged < count and Rate.of(flagged + 1, count).lower <= rate:
        flagged += 1
    return flagged
