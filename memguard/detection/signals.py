"""The table of signals: what each measures, and what it may decide.

A signal is a distance between a query and a reference; the smaller, the closer. It is measured in
one of three places, each with a class of its own:

- between the vectors of a descriptor: :class:`~memguard.signal_type.DescriptorSignal`, declared by
  the descriptor's class as ``signals``;
- on the two pictures: :class:`PictureSignal`;
- from the distances of all of a query's candidates: :class:`RelativeSignal`.

To add a signal, write a class here and name it in :data:`BUILT_IN`, or offer it from a package of
your own by an entry point of the group ``memguard.signals``. A signal with default thresholds
decides; one without is measured and shown only.

The default thresholds lie near the 0.1 % (block) and 1 % (flag) quantiles of the nearest novel
pictures of ``benchmarks/common/pictures.py`` and of generations that copy nothing. A few hundred
pictures prove no such rate; an index's calibration says what its thresholds are worth.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from memguard._entry_points import offered, offered_class
from memguard.descriptors import Descriptor
from memguard.descriptors.registry import descriptor_class
from memguard.detection.picture_pair import PicturePair
from memguard.errors import ConfigurationError
from memguard.index import Index
from memguard.signal_type import SignalType, Threshold, Witness
from memguard.vision.alignment import TRUSTED_INLIERS
from memguard.vision.pixel_distances import ALPHA, KEPT_TILES, relative_l2

GROUP = "memguard.signals"

ALIKE_STRUCTURE = 0.26
"""Distance in structure within which two whole pictures are alike: near the closest 0.1 % of novel
pictures."""

FOREGROUND_WEIGHT = 0.5
"""Weight of the distance of two foregrounds against that of the whole pictures. Chosen by hand:
foregrounds with nothing in common are then beyond every threshold of the structure."""

MOST_EVIDENCE = 16.0
"""Bound on the evidence of a region's correlation and on that of its points: beyond it, neither
may stand for the other."""

CORRELATION_WEIGHT = 20.0
"""Evidence of a perfect correlation of the overlap."""

ADDED_EVIDENCE: Mapping[str, tuple[float, float]] = {
    "structure": (40.0, 0.5),
    "structure_and_l2": (40.0, 0.7),
    "phash256": (0.25, 100.0),
    "pixels": (80.0, 0.25),
    "sscd": (30.0, 0.8),
}
"""Signal to the evidence of each unit of distance below the distance at which it begins."""

OF_THE_LAYOUT = ("structure", "structure_and_l2", "phash256", "pixels")
"""What compares whole pictures. An outline on a plain background is most of the picture for it, so
its evidence counts as far as the foregrounds agree."""

AGREEING = 2 / 3
"""Agreement of two foregrounds, 1 - distance, from which on the evidence of the layout counts in
full: noise and a redrawn texture leave that much. Chosen on benchmarks/detection: of 240 emoji that
copy nothing and 297 photographs and drawings the nearest agree by 0.44."""


class PictureSignal(SignalType):
    """A distance measured on the pixels of the query and of one candidate."""

    @abstractmethod
    def measure(self, pair: PicturePair) -> float:
        """The distance of a pair."""


class RelativeSignal(SignalType):
    """A distance that also depends on the query's other candidates."""

    @abstractmethod
    def measure(self, candidates: Sequence[Mapping[str, float]]) -> list[float]:
        """One distance per candidate.

        Args:
            candidates: by signal, what was measured of each; among it the relative signals that
                come earlier in the table.
        """


class L2(PictureSignal):
    """Root mean square difference of the squeezed squares, in [0, 1] (Carlini et al. 2023)."""

    name = "l2"
    words = "root mean square difference of the pixels"

    def measure(self, pair: PicturePair) -> float:
        return float(np.sqrt(np.square(pair.sorted_tiles).mean()))


class TiledL2(PictureSignal):
    """The l2 of the most different of 16 tiles, in [0, 1] (Carlini et al. 2023)."""

    name = "tiled_l2"
    words = "root mean square difference of the most different of 16 tiles"

    def measure(self, pair: PicturePair) -> float:
        return float(pair.sorted_tiles[-1])


class MaskedTiledL2(PictureSignal):
    """The l2 of the most different of the 12 closest tiles, in [0, 1] (Webster 2023)."""

    name = "masked_tiled_l2"
    words = "the same, of the most different of the 12 closest tiles"

    def measure(self, pair: PicturePair) -> float:
        return float(pair.sorted_tiles[KEPT_TILES - 1])


class ForegroundDifference(PictureSignal):
    """How much the picture differs inside the outline of a reference on a plain background.

    0 (the insides agree, or there is no such background) to 1.
    """

    name = "foreground"
    words = "inside the outline, where the training image has a plain background: 1 - correlation"

    def measure(self, pair: PicturePair) -> float:
        return pair.foreground_distance


class Structure(PictureSignal):
    """1 - correlation of the coarse structure, in [0, 2].

    Where the reference has a foreground on a plain background, the foregrounds must agree as well:
    outlines alone are no evidence.
    """

    name = "structure"
    words = "layout and colours, down to 1/32 of the picture, and inside outlines: 1 - correlation"
    witness = Witness("layout", ALIKE_STRUCTURE)

    def measure(self, pair: PicturePair) -> float:
        distance = 1 - float(pair.query.coarse @ pair.reference.coarse)
        if distance >= FOREGROUND_WEIGHT:
            return distance
        return max(distance, FOREGROUND_WEIGHT * pair.foreground_distance)


class AlignedStructure(PictureSignal):
    """1 - correlation of the aligned pictures, in [0, 2]; 1 without alignment.

    The correlation is scaled down where fewer than ``TRUSTED_INLIERS`` features agree.
    """

    name = "aligned_structure"
    words = "details where matching points lay one picture over the other: 1 - correlation"
    witness = Witness("pieces", 0.45)

    def measure(self, pair: PicturePair) -> float:
        if pair.alignment is None:
            return 1.0
        trust = min(1.0, pair.alignment.inliers / TRUSTED_INLIERS)
        return 1 - trust * pair.agreement


class LocalFeatures(PictureSignal):
    """Minus the features that agree on the alignment, times the squared correlation; at most 0."""

    name = "local_features"
    words = "points that agree on one placement, counted below zero: -20 is 20 points"
    least = -math.inf
    witness = Witness("pieces", -5)

    def measure(self, pair: PicturePair) -> float:
        if pair.alignment is None:
            return 0.0
        return -pair.alignment.inliers * max(pair.agreement, 0.0) ** 2


class SharedRegion(PictureSignal):
    """Minus the evidence of an alignment, at most 1; 0 without alignment.

    Added up are: how far the correlation of the region that agrees most is from chance, in standard
    deviations; how little chance explains the points that agree, in powers of ten; and the
    correlation of the whole overlap. Each errs where the others do not: outlines on white
    correlate, repeated ornaments agree in points.
    """

    name = "shared_region"
    words = (
        "evidence that a region of the reference is seen again where matching points lay it, "
        "counted below zero"
    )
    least = -2 * MOST_EVIDENCE - CORRELATION_WEIGHT

    def measure(self, pair: PicturePair) -> float:
        if pair.alignment is None or pair.shared_region is None:
            return 0.0
        trust = min(1.0, pair.alignment.inliers / TRUSTED_INLIERS)
        return -(
            min(pair.shared_region.deviations, MOST_EVIDENCE)
            + min(pair.alignment.surprise, MOST_EVIDENCE)
            + CORRELATION_WEIGHT * trust * max(pair.agreement, 0.0)
        )


class RelativeL2(RelativeSignal):
    """l2 over half the usual l2 to the query's candidates, 0 upwards (Carlini et al. 2023)."""

    name = "relative_l2"
    words = "l2, over half the usual one to references near the image"

    def measure(self, candidates: Sequence[Mapping[str, float]]) -> list[float]:
        near = np.array([distances["l2"] for distances in candidates], dtype=np.float32)
        relative: list[float] = relative_l2(near, near).tolist()
        return relative


class StructureAndL2(RelativeSignal):
    """Euclidean sum of the distance in structure and of half the relative l2, 0 upwards.

    Where a model has smoothed texture away, neither alone separates a copy from a chance likeness.
    """

    name = "structure_and_l2"
    words = (
        "layout and pixels together: structure and half the relative l2, added as the sides of a "
        "right angle"
    )

    def measure(self, candidates: Sequence[Mapping[str, float]]) -> list[float]:
        return [
            math.hypot(distances["structure"], ALPHA * distances["relative_l2"])
            for distances in candidates
        ]


class CopyEvidence(RelativeSignal):
    """Minus the evidence of all signals together; the one signal that decides without weights.

    Evidence of a shared region, of a shared layout and of close hashes and embeddings add up, as
    logarithms of likelihood ratios do. On the pictures of benchmarks/detection the sum finds more
    copies than the best union of thresholds at the same number of false blocks
    (docs/decisions/0010-one-fused-score.md).
    """

    name = "copy_evidence"
    words = "evidence of all signals together that it is a copy, counted below zero"
    least = SharedRegion.least - sum(weight * start for weight, start in ADDED_EVIDENCE.values())
    default = Threshold(similar=-16.0, memorized=-24.0)

    def measure(self, candidates: Sequence[Mapping[str, float]]) -> list[float]:
        return [
            distances["shared_region"] - sum(added_evidence(distances).values())
            for distances in candidates
        ]


def added_evidence(distances: Mapping[str, float]) -> dict[str, float]:
    """What each signal of :data:`ADDED_EVIDENCE` that was measured adds, 0 upwards.

    Args:
        distances: by signal; no ``foreground`` counts as one that agrees.
    """
    agreeing = min((1 - distances.get(ForegroundDifference.name, 0.0)) / AGREEING, 1.0)
    return {
        name: (agreeing if name in OF_THE_LAYOUT else 1) * weight * max(start - distances[name], 0)
        for name, (weight, start) in ADDED_EVIDENCE.items()
        if name in distances
    }


BUILT_IN: tuple[PictureSignal | RelativeSignal, ...] = (
    L2(),
    TiledL2(),
    MaskedTiledL2(),
    ForegroundDifference(),
    Structure(),
    AlignedStructure(),
    LocalFeatures(),
    SharedRegion(),
    RelativeL2(),
    StructureAndL2(),
    CopyEvidence(),
)
"""The signals of pictures, in the order in which they are measured."""


@cache
def picture_signals() -> tuple[PictureSignal, ...]:
    """The signals measured on pairs of pictures, those of installed packages last."""
    return tuple(signal for signal in _all() if isinstance(signal, PictureSignal))


@cache
def relative_signals() -> tuple[RelativeSignal, ...]:
    """The signals measured from all of a query's candidates, those of installed packages last."""
    return tuple(signal for signal in _all() if isinstance(signal, RelativeSignal))


def signal_table(descriptors: Iterable[Descriptor | type[Descriptor]]) -> dict[str, SignalType]:
    """Signals by name: those of pictures, and those of these descriptors.

    Signals that may block come before those that only flag.

    Raises:
        ConfigurationError: two signals have the same name.
    """
    described = [signal for descriptor in descriptors for signal in descriptor.signals]
    table: dict[str, SignalType] = {}
    for signal in sorted([*_all(), *described], key=lambda signal: not signal.may_block):
        if signal.name in table:
            raise ConfigurationError(
                f"two signals are named {signal.name!r}: uninstall one of the packages that offer "
                "signals or descriptors, or ask its author for another name"
            )
        table[signal.name] = signal
    return table


def index_signals(index: Index) -> dict[str, SignalType]:
    """The table of an index; the classes of its descriptors are imported, no weights are loaded.

    Raises:
        ConfigurationError: see :func:`signal_table`; or the index holds a descriptor that is not
            installed here.
    """
    return signal_table(descriptor_class(spec.name) for spec in index.specs)


def default_thresholds(signals: Mapping[str, SignalType]) -> dict[str, Threshold]:
    """The thresholds of the signals that decide, where nothing better is known."""
    return {name: signal.default for name, signal in signals.items() if signal.default is not None}


@cache
def _all() -> tuple[PictureSignal | RelativeSignal, ...]:
    """Built-in signals, then those of installed packages by name.

    Raises:
        ConfigurationError: an entry point offers something else, or does not load.
    """
    found: list[PictureSignal | RelativeSignal] = list(BUILT_IN)
    for name, offer in offered(GROUP, [signal.name for signal in BUILT_IN]).items():
        signal = offered_class(offer, ("name", "words", "measure"))()
        if not isinstance(signal, (PictureSignal, RelativeSignal)) or signal.name != name:
            raise ConfigurationError(
                f"{offer.value} is offered as the signal {name!r}: it must be a PictureSignal or "
                "a RelativeSignal of that name; upgrade or uninstall its package"
            )
        found.append(signal)
    return tuple(found)
