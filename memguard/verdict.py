"""The decision for one image and its reasons: frozen values, to JSON and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

Label = Literal["clear", "similar", "memorized", "uninformative", "unchecked"]
"""The decision for one image.

``clear``: no signal reached a threshold. ``similar``: one reached its flag threshold.
``memorized``: one reached its block threshold. ``uninformative``: the image is blank, and blank
images resemble each other. ``unchecked``: the check could not run.
"""

View = Literal["as is", "mirrored", "turned 90", "turned 180", "turned 270", "unletterboxed"]
"""How the query was transformed before the comparison: turned counterclockwise, or cropped to what
a border surrounds."""


LEAST_STEP = 0.1
"""Least step from flag to block threshold, as a share of the flag threshold. It bounds the evidence
of a signal whose thresholds coincide. Chosen by hand."""
NO_STEP = 1e-6
"""Least step, as a distance, where the flag threshold is 0."""

STORED_AS = {"exact_duplicates": "copies", "near_duplicates": "duplicates"}
"""Keys of a match in JSON that are not its attributes' names."""

ONLY_FLAGGED = 0.99
"""Upper bound on the evidence of a signal that never blocks."""


@dataclass(frozen=True)
class Signal:
    """One kind of evidence: the smallest distance found, with its two thresholds.

    Attributes:
        name: the descriptor or the pixel distance that measured it, e.g. ``"phash256"``.
        distance: smaller is closer; bits for hashes, ``1 - cosine`` for embeddings,
            root mean square over pixels in [0, 1] for the pixel distances.
        similar: flag threshold; ``distance <= similar`` flags the image.
        memorized: block threshold, or None for a signal that only ever flags.
    """

    name: str
    distance: float
    similar: float
    memorized: float | None

    @property
    def label(self) -> Label:
        """The label that this signal alone would give."""
        if self.memorized is not None and self.distance <= self.memorized:
            return "memorized"
        return "similar" if self.distance <= self.similar else "clear"

    @property
    def evidence(self) -> float:
        """The distance on a scale shared by all signals: 1 at the block threshold, 1/2 at the flag
        threshold, linear between and beyond them, never below 0. A signal that only flags stays
        below 1.
        """
        if self.memorized is None:
            beyond = (self.similar - self.distance) / max(abs(self.similar), NO_STEP)
            return min(max(0.5 + 0.5 * beyond, 0.0), ONLY_FLAGGED)
        step = max(self.similar - self.memorized, LEAST_STEP * abs(self.similar), NO_STEP)
        return max(1 + 0.5 * (self.memorized - self.distance) / step, 0.0)


@dataclass(frozen=True)
class Match:
    """A reference near the query, with its distance in every signal.

    Attributes:
        id: the reference's content hash (``Index.find(id).image()`` gives its thumbnail).
        uri: where the builder read it.
        view: how the query was turned when it came closest.
        distances: signal name to distance, in the units of :class:`Signal`.
        exact_duplicates: how many files of the training set hold exactly these bytes.
        near_duplicates: how many references are nearly this image, itself included.
        caption: the training caption, where the source had one.
        rights: licence and copyright notice, of the source or in the file.
        url: where the image was published, where the source said so.
    """

    id: str
    uri: str
    view: View
    distances: dict[str, float]
    exact_duplicates: int = 1
    near_duplicates: int = 1
    caption: str | None = None
    rights: str | None = None
    url: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values."""
        return {
            STORED_AS.get(name, name): value for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Match:
        """The inverse of :meth:`to_json`."""
        names = {key: name for name, key in STORED_AS.items()}
        return cls(**{names.get(key, key): value for key, value in data.items()})


@dataclass(frozen=True)
class Verdict:
    """The decision for one image.

    Attributes:
        label: see :data:`Label`.
        score: the strongest :attr:`Signal.evidence`: from 1 up memorized, from 1/2 up similar;
            0 where there is none, as for an uninformative or unchecked image.
        signals: one per signal, the closest reference's distance with its thresholds.
        matches: the nearest references: those of the gravest label first, then by the evidence of
            all signals together; ``why`` is about the first.
        why: one plain sentence for the reviewer.
        attempt: 0 for a first generation, n for the n-th regeneration of this image.
    """

    label: Label
    score: float
    signals: tuple[Signal, ...] = ()
    matches: tuple[Match, ...] = ()
    why: str = ""
    attempt: int = field(default=0, compare=False)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values."""
        matches = [match.to_json() for match in self.matches]
        return {**dataclasses.asdict(self), "matches": matches}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """The inverse of :meth:`to_json`."""
        return cls(
            label=data["label"],
            score=data["score"],
            signals=tuple(Signal(**signal) for signal in data["signals"]),
            matches=tuple(Match.from_json(match) for match in data["matches"]),
            why=data["why"],
            attempt=data["attempt"],
        )
