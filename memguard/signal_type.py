"""What is known of a kind of evidence before any image is seen: its meaning and its thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["layout", "pieces", "embedding"]
"""Kinds of independent evidence that an image is a copy."""


@dataclass(frozen=True)
class Threshold:
    """``distance <= similar`` flags, ``distance <= memorized`` blocks (None: never blocks)."""

    similar: float
    memorized: float | None


@dataclass(frozen=True)
class Witness:
    """A signal's part in recognising contaminated negatives.

    Attributes:
        evidence: the kind; signals of one kind are not independent.
        limit: the largest distance that counts; memguard's own are near the closest 0.1 % of novel
            pictures, as the default thresholds are.
    """

    evidence: Evidence
    limit: float


class SignalType:
    """One kind of evidence: a distance between a query and a reference; smaller is closer.

    Attributes:
        name: e.g. ``"phash256"``; unique.
        words: what it measures, in a reviewer's words.
        least: the distance of an image to itself.
        counts_bits: whether distances are numbers of bits.
        default: thresholds where an index has too few negatives to choose its own; None for a
            signal that is measured and shown only.
        may_block: whether a calibration may give it a block threshold without being asked to.
        witness: its part in recognising contaminated negatives, or None.
        near_duplicates: of a descriptor, the largest distance of two references that are
            near-duplicates; None where distances do not tell.
    """

    name: str
    words: str
    least: float = 0.0
    counts_bits: bool = False
    default: Threshold | None = None
    may_block: bool = True
    witness: Witness | None = None
    near_duplicates: float | None = None


class DescriptorSignal(SignalType):
    """A distance between the vectors of a descriptor.

    A descriptor NAME declares the signal NAME and, if it is score-normalised, NAME_normalised.
    """

    def __init__(
        self,
        name: str,
        words: str,
        *,
        least: float = 0.0,
        counts_bits: bool = False,
        default: Threshold | None = None,
        may_block: bool = True,
        witness: Witness | None = None,
        near_duplicates: float | None = None,
    ) -> None:
        self.name = name
        self.words = words
        self.least = least
        self.counts_bits = counts_bits
        self.default = default
        self.may_block = may_block
        self.witness = witness
        self.near_duplicates = near_duplicates
