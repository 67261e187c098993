"""What memguard decided about one image, and why: plain frozen values, JSON in and out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

Label = Literal["clear", "similar", "memorized", "uninformative", "unchecked"]
"""The decision for one image.

``clear``: no signal reached a threshold. ``similar``: one reached its flag threshold.
``memorized``: one reached its block threshold. ``uninformative``: the image is blank, so that
its closeness to other blank images says nothing. ``unchecked``: the check could not run.
"""

View = Literal["as is", "mirrored"]
"""How the query was turned before it was compared."""


@dataclass(frozen=True)
class Signal:
    """One kind of evidence: the smallest distance found, beside its two thresholds.

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


@dataclass(frozen=True)
class Match:
    """A reference near the query, with its distance in every signal.

    Attributes:
        id: the reference's content hash (``Index.thumbnail(id)`` gives its picture).
        uri: where the builder read it.
        view: how the query was turned when it came closest.
        distances: signal name to distance, in the units of :class:`Signal`.
        copies: how many files of the training set hold exactly these bytes.
        caption: the training caption, where the source had one.
    """

    id: str
    uri: str
    view: View
    distances: dict[str, float]
    copies: int = 1
    caption: str | None = None


@dataclass(frozen=True)
class Verdict:
    """The decision for one image.

    Attributes:
        label: see :data:`Label`.
        score: the smallest ratio of a signal's distance to its block threshold, >= 0: at most 1
            means memorized, larger is farther away; infinite where nothing was compared.
        signals: one per signal, the closest reference's distance with its thresholds.
        matches: the nearest references, closest first.
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
        """A dict of plain JSON values; an infinite score becomes None."""
        data = dataclasses.asdict(self)
        data["score"] = None if self.score == float("inf") else self.score
        return data

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Verdict:
        """The inverse of :meth:`to_json`."""
        return cls(
            label=data["label"],
            score=float("inf") if data["score"] is None else data["score"],
            signals=tuple(Signal(**signal) for signal in data["signals"]),
            matches=tuple(Match(**match) for match in data["matches"]),
            why=data["why"],
            attempt=data["attempt"],
        )
