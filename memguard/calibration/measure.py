"""Measurement of negatives and of simulated copies against an index."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from memguard.calibration.contamination import copied, unrelated
from memguard.calibration.measurements import ContaminatedNegative, Distances, Measurements
from memguard.calibration.negatives import (
    LEFT_OUT,
    LeaveOneOut,
    Negatives,
    reference_pictures,
)
from memguard.detection.detector import Detector
from memguard.detection.signals import default_thresholds
from memguard.index import Index
from memguard.signal_type import SignalType
from memguard.verdict import Match
from memguard.vision.picture import Picture
from memguard.vision.transforms import simulated_copies

MOST_SIMULATED, FEWEST_SIMULATED = 40, 5
"""References whose copies are simulated: a quarter of the index, within these bounds. They bound
the time of a calibration."""

OTHERS = 8
"""References that serve as the other picture of simulated insets and blends."""

NEAREST_SHOWN = 8
"""Negatives kept with the reference that they came nearest to."""

BATCH = 16
"""Pictures compared with the index at once."""

Closest = Mapping[str, float]
"""Signal name to the smallest distance of one query."""

Advance = Callable[[int], None]
"""Called with the number of pictures just measured."""


@dataclass(frozen=True)
class SimulatedCopy:
    """A transformed reference.

    Attributes:
        transform: name in :data:`memguard.vision.transforms.SIMULATED_COPIES`.
        reference: id of the original.
        picture: the copy.
    """

    transform: str
    reference: str
    picture: Picture


def measure(
    detector: Detector,
    negatives: Negatives | None,
    on_progress: Callable[[int, int], None],
    rng: np.random.Generator,
) -> Measurements:
    """Measure negatives and simulated copies against the detector's index.

    Args:
        detector: its thresholds only order the matches.
        negatives: images that copy nothing in the index; None for leave-one-out.
        on_progress: called with pictures measured and pictures to measure.
        rng: draws the references and the simulated copies.
    """
    index = detector.index
    # drawn by either method, so that both get the same simulated copies
    rows = sorted(index.sample(LEFT_OUT, rng))
    if negatives is None:
        negatives = LeaveOneOut(index, rows)
    simulated = list(_simulate(index, rng))
    total = len(negatives) + len(simulated)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        on_progress(done, total)

    novel = measure_negatives(detector, negatives, advance)
    found = measure_simulated_copies(detector, simulated, advance)
    measured = {name for row in novel.rows + found for name in row}
    names = [name for name in default_thresholds(detector.signals) if name in measured]
    return Measurements(
        negatives=_columns(novel.rows, names),
        simulated_copies=_columns(found, names),
        transforms=tuple(copy.transform for copy in simulated),
        method=negatives.method,
        blank=novel.blank,
        contaminated=tuple(novel.contaminated),
        nearest=tuple(novel.nearest),
    )


@dataclass(frozen=True)
class MeasuredNegatives:
    """Distances of negatives.

    Attributes:
        rows: the closest distances of each novel image.
        blank: negatives that show nothing.
        contaminated: negatives that are no evidence about novel images.
        nearest: those that came nearest to a reference that they do not copy.
    """

    rows: list[Closest]
    blank: int
    contaminated: list[ContaminatedNegative]
    nearest: list[ContaminatedNegative]


def measure_negatives(
    detector: Detector, negatives: Negatives, advance: Advance
) -> MeasuredNegatives:
    """The distances of each negative to the references that it does not copy."""
    rows: list[Closest] = []
    contaminated: list[ContaminatedNegative] = []
    closest: list[ContaminatedNegative] = []
    blank = 0
    for start in range(0, len(negatives), BATCH):
        batch = negatives.read(start, start + BATCH)
        shown = [(name, picture) for name, picture in batch if not picture.is_blank]
        blank += len(batch) - len(shown)
        found = negatives.find_matches(detector, shown)
        for (name, _), matches in zip(shown, found, strict=True):
            copies = copied(matches, detector.signals)
            suspect = bool(copies) or name in negatives.alike
            if negatives.copies.get(name, suspect):
                nearest = next(iter(copies or matches), None)
                contaminated.append(
                    ContaminatedNegative(
                        image=negatives.address(name),
                        reference=nearest.uri if nearest else "",
                        distances=nearest.distances if nearest else {},
                        agreed=bool(copies),
                        alike=negatives.alike.get(name, 0),
                        judged=name in negatives.copies,
                    )
                )
                if not negatives.keeps_contaminated:
                    continue
            if negatives.keeps_contaminated:
                matches = unrelated(matches, detector.signals)
            rows.append(_closest(matches))
            if matches:
                closest.append(
                    ContaminatedNegative(
                        image=negatives.address(name),
                        reference=matches[0].uri,
                        distances=matches[0].distances,
                        agreed=False,
                    )
                )
        closest = _nearest(closest, detector.signals)
        advance(len(batch))
    return MeasuredNegatives(rows, blank, contaminated, closest)


def _nearest(
    negatives: Sequence[ContaminatedNegative], signals: Mapping[str, SignalType]
) -> list[ContaminatedNegative]:
    """Those with a distance farthest below its default block threshold, relative to it."""
    limits = {
        name: threshold.memorized
        for name, threshold in default_thresholds(signals).items()
        if threshold.memorized
    }

    def farness(negative: ContaminatedNegative) -> float:
        shares = (
            (negative.distances[name] - limit) / abs(limit)
            for name, limit in limits.items()
            if name in negative.distances
        )
        return min(shares, default=math.inf)

    return sorted(negatives, key=farness)[:NEAREST_SHOWN]


def measure_simulated_copies(
    detector: Detector, simulated: Sequence[SimulatedCopy], advance: Advance
) -> list[Closest]:
    """The distances of each simulated copy to its own reference."""
    rows: list[Closest] = []
    for start in range(0, len(simulated), BATCH):
        batch = simulated[start : start + BATCH]
        found = detector.find_matches([copy.picture for copy in batch])
        for copy, matches in zip(batch, found, strict=True):
            rows.append(_closest([match for match in matches if match.id == copy.reference]))
        advance(len(batch))
    return rows


def _simulate(index: Index, rng: np.random.Generator) -> Iterator[SimulatedCopy]:
    """Simulated copies of a sample of the references."""
    order = index.sample(len(index), rng)
    others = [picture.image for _, picture in reference_pictures(index, order[-OTHERS:])]
    count = min(MOST_SIMULATED, max(FEWEST_SIMULATED, len(order) // 4))
    for original, picture in reference_pictures(index, order[:count]):
        if not picture.is_blank:
            for name, transform in simulated_copies(others).items():
                yield SimulatedCopy(name, original, Picture(transform(picture.image, rng)))


def _closest(matches: Sequence[Match]) -> Closest:
    names = dict.fromkeys(name for match in matches for name in match.distances)
    return {
        name: min(match.distances[name] for match in matches if name in match.distances)
        for name in names
    }


def _columns(rows: Sequence[Closest], signals: Sequence[str]) -> Distances:
    return {
        name: np.array([row.get(name, math.inf) for row in rows], dtype=np.float64)
        for name in signals
    }
