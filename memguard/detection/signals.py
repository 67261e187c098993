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
pictures of ``benchmarks/common/pictures.py``, clean and transformed. A few hundred pictures prove
no such rate; an index's calibration says what its thresholds are worth.
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
from memguard.vision.foreground import foreground_distance
from memguard.vision.pixel_distances import ALPHA, KEPT_TILES, relative_l2

GROUP = "memguard.signals"

COPY_TILED_L2 = 0.15
"""Tiled l2 of a copy in Carlini et al. 2023. Within it the structure of the whole picture suffices:
a model smooths texture away and keeps levels."""

FOREGROUND_WEIGHT = 0.5
"""Weight of the distance of two foregrounds against that of the whole pictures. Chosen by hand:
foregrounds with nothing in common are then beyond every threshold of the structure."""


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


class Structure(PictureSignal):
    """1 - correlation of the coarse structure, in [0, 2].

    Where the reference has a foreground on a plain background, the foregrounds must agree as well,
    unless every tile is as close as in a copy: outlines alone are no evidence.
    """

    name = "structure"
    words = "layout and colours, down to 1/32 of the picture, and inside outlines: 1 - correlation"
    default = Threshold(similar=0.30, memorized=0.26)
    witness = Witness("layout", 0.26)

    def measure(self, pair: PicturePair) -> float:
        query, reference = pair.query, pair.reference
        distance = 1 - float(query.coarse @ reference.coarse)
        if (
            distance >= FOREGROUND_WEIGHT
            or float(pair.sorted_tiles[-1]) <= COPY_TILED_L2
            or reference.foreground is None
        ):
            return distance
        inside = foreground_distance(query.small, reference.foreground)
        return max(distance, FOREGROUND_WEIGHT * inside)


class AlignedStructure(PictureSignal):
    """1 - correlation of the aligned pictures, in [0, 2]; 1 without alignment.

    The correlation is scaled down where fewer than ``TRUSTED_INLIERS`` features agree.
    """

    name = "aligned_structure"
    words = "details where matching points lay one picture over the other: 1 - correlation"
    default = Threshold(similar=0.62, memorized=0.55)
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
    default = Threshold(similar=0.64, memorized=0.56)

    def measure(self, candidates: Sequence[Mapping[str, float]]) -> list[float]:
        return [
            math.hypot(distances["structure"], ALPHA * distances["relative_l2"])
            for distances in candidates
        ]


BUILT_IN: tuple[PictureSignal | RelativeSignal, ...] = (
    L2(),
    TiledL2(),
    MaskedTiledL2(),
    Structure(),
    AlignedStructure(),
    LocalFeatures(),
    RelativeL2(),
    StructureAndL2(),
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
