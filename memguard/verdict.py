"""The decision for one image and its reasons: frozen values, to JSON and back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from memguard.notebook import card

Label = Literal["clear", "similar", "memorized", "uninformative", "unchecked"]
"""The decision for one image.

``clear``: no signal reached a threshold. ``similar``: one reached its flag threshold.
``memorized``: one reached its block threshold. ``uninformative``: the image is blank, and blank
images resemble each other, or the pipeline gave None. ``unchecked``: the check could not run.
"""

View = Literal[
    "as is", "mirrored", "inverted", "turned 90", "turned 180", "turned 270", "unletterboxed"
]
"""How the query was transformed before the comparison: inverted to its negative, turned
counterclockwise, or cropped to what a border surrounds."""


Exemption = Literal["allowed", "allowed for this call", "quarantined", "suspended"]
"""Why a reference does not block. ``allowed``: somebody allowed it in the index. ``allowed for this
call``: an image in the call's ``memguard_allow`` shows it. ``quarantined``: somebody found that it
matches what it should not. ``suspended``: a guard noticed that it matches unlike images; it flags,
and blocks only what is like it as a whole, until somebody decides.
"""

LEAST_STEP = 0.1
"""Least step from flag to block threshold, as a share of the flag threshold. It bounds the evidence
of a signal whose thresholds coincide. Chosen by hand."""
NO_STEP = 1e-6
"""Least step, as a distance, where the flag threshold is 0."""

STORED_AS = {"exact_duplicates": "copies", "near_duplicates": "duplicates"}
"""Keys of a match in JSON that are not its attributes' names."""

LOGGED_DIGITS = 4
"""Decimal places of a score or distance in a log."""

COMMON = 3
"""Other references, unlike each other, from which on a part that they share is no copy of any.
Chosen by hand."""

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
        memorized: block threshold, or None for a signal that only ever flags, and where its
            closest references share a logo (:attr:`Match.shared_by`).
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
    def threshold(self) -> float:
        """The block threshold where the distance is within it, else the flag threshold."""
        if self.memorized is not None and self.distance <= self.memorized:
            return self.memorized
        return self.similar

    @property
    def comparison(self) -> str:
        """The distance beside its threshold: ``phash256 8 <= 31``."""
        sign = ">" if self.label == "clear" else "<="
        return f"{self.name} {self.distance:.3g} {sign} {self.threshold:.3g}"

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


Corners = tuple[tuple[float, float], ...]
"""A convex polygon: x, y of each corner, as shares of a picture's width and height, in [0, 1]."""


@dataclass(frozen=True)
class Region:
    """The part of a reference that an image shows again, and where it shows it.

    Where an alignment found it, it is a rectangle of the reference around the clearest agreement,
    to about an eighth of their overlap: at least about this part is seen again.

    Attributes:
        reference: its outline in the reference: four corners, up to eight where the image ends
            within it.
        query: the same corners, in the same order, in the image as it was given: a mirrored or
            turned view is turned back.
        share_of_reference: the share of the reference's area inside it, in [0, 1].
        share_of_query: the share of the image's area inside it, in [0, 1].
    """

    reference: Corners
    query: Corners
    share_of_reference: float
    share_of_query: float

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Region:
        """The inverse of ``dataclasses.asdict``, after JSON has made lists of the tuples."""
        outlines: dict[str, Corners] = {
            name: tuple((x, y) for x, y in data[name]) for name in ("reference", "query")
        }
        return cls(**{**data, **outlines})


@dataclass(frozen=True)
class Match:
    """A reference near the query, with its distance in every signal.

    Attributes:
        id: the reference's content hash (``Index.find(id).image()`` gives its thumbnail).
        uri: where the builder read it.
        view: how the query was turned when it came closest.
        distances: signal name to distance, in the units of :class:`Signal`; where no reference came
            near the image, only those that were needed to tell.
        exact_duplicates: how many files of the training set hold exactly these bytes.
        near_duplicates: how many references are nearly this image, itself included.
        caption: the training caption, where the source had one.
        rights: licence and copyright notice, of the source or in the file.
        url: where the image was published, where the source said so.
        region: what the image shows of the reference, and where. None if the match alone would be
            clear, and if no trusted alignment and no likeness of the whole pictures tells; of
            wholly alike pictures without such an alignment, it is the whole of both.
        shared_by: how many other references, unlike this one and each other, show the same small
            part of the image, 0 to :data:`COMMON`; with COMMON, as of a logo, the match only flags.
            Counted only for a match that would block.
        exempt: why the reference does not block (see :data:`Exemption`); None for most.
        thumbnail: as the index stores it, encoded; only of the first match of a flagged image. Not
            part of the JSON.
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
    region: Region | None = None
    shared_by: int = 0
    exempt: Exemption | None = None
    thumbnail: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def allowed(self) -> bool:
        """Whether the reference is allowed, in the index or for this call."""
        return self.exempt in ("allowed", "allowed for this call")

    @property
    def counts(self) -> bool:
        """Whether the match takes part in the decision: it is neither allowed nor quarantined."""
        return not self.allowed and self.exempt != "quarantined"

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values."""
        values = dataclasses.asdict(self)
        del values["thumbnail"]
        return {STORED_AS.get(name, name): value for name, value in values.items()}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Match:
        """The inverse of :meth:`to_json`."""
        names = {key: name for name, key in STORED_AS.items()}
        values = {names.get(key, key): value for key, value in data.items()}
        if values.get("region") is not None:
            values["region"] = Region.from_json(values["region"])
        return cls(**values)


@dataclass(frozen=True)
class FrameSpan:
    """Frames of a video with one label.

    Attributes:
        first, last: counted from 0; the last one is among them.
        label: of each of them.
    """

    first: int
    last: int
    label: Label

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


GuidanceReading = Literal["pair", "guidance input"]
"""How text guidance was read: off a prediction with the text and one without it, or off the model's
guidance input."""


@dataclass(frozen=True)
class TextGuidance:
    """How far the prompt moves the denoiser's prediction at the first step.

    Large for prompts that make a model repeat training images (Wen et al., ICLR 2024, "Detecting,
    Explaining, and Mitigating Memorization in Diffusion Models"). It belongs to the prompt: it is
    no label, and no policy acts on it.

    Attributes:
        value: root mean square of the conditional minus the unconditional prediction; at least 0.
            Their units are the model's: compare values of one model at one timestep only.
        timestep: of the first step, as the denoiser was given it.
        read: see :data:`GuidanceReading`.
        threshold: flagged above it; None where it was not calibrated for such calls.
    """

    value: float
    timestep: float
    read: GuidanceReading
    threshold: float | None = None

    @property
    def flagged(self) -> bool:
        """Whether ordinary prompts hardly ever move the prediction as far."""
        return self.threshold is not None and self.value > self.threshold

    def __str__(self) -> str:
        """``0.124 > 0.0911``; without a threshold the value alone."""
        if self.threshold is None:
            return f"{self.value:.3g}"
        return f"{self.value:.3g} {'>' if self.flagged else '<='} {self.threshold:.3g}"


@dataclass(frozen=True, repr=False)
class Verdict:
    """The decision for one image.

    Attributes:
        label: see :data:`Label`.
        score: the strongest :attr:`Signal.evidence`: from 1 up memorized, from 1/2 up similar;
            0 where there is none, as for an uninformative or unchecked image.
        signals: one per signal, the strongest reference's distance with its thresholds; exempt
            references do not count.
        matches: the nearest references: those of the gravest label first, then by the evidence of
            all signals together; ``why`` is about the first. After them come those that would
            flag or block the image if they were not exempt (:attr:`exempt`).
        why: one plain sentence for the reviewer.
        attempt: 0 for a first generation, n for the n-th regeneration of this image.
        thumbnail: the image, small and encoded, for notebooks; None unless a guard flagged it. Not
            part of the JSON.
        frames: of a video, those that are neither clear nor uninformative, in order.
        text_guidance: of the image's prompt, where the guard was asked for it and could read it.
    """

    label: Label
    score: float
    signals: tuple[Signal, ...] = ()
    matches: tuple[Match, ...] = ()
    why: str = ""
    attempt: int = field(default=0, compare=False)
    thumbnail: bytes | None = field(default=None, compare=False)
    frames: tuple[FrameSpan, ...] = ()
    text_guidance: TextGuidance | None = None

    @property
    def deciding(self) -> Signal | None:
        """The signal with the strongest evidence, which gives the score; None where there is
        none."""
        return max(self.signals, key=lambda signal: signal.evidence, default=None)

    @property
    def exempt(self) -> tuple[Match, ...]:
        """The allowed and quarantined references that the image is near: they do not count."""
        return tuple(match for match in self.matches if not match.counts)

    def __repr__(self) -> str:
        if self.deciding is None:
            return f"<Verdict {self.label}: {self.why}>"
        file = f", {self.matches[0].uri.rsplit('/', 1)[-1]}" if self.matches else ""
        return f"<Verdict {self.label} {self.score:.2f}: {self.deciding.comparison}{file}>"

    def _repr_html_(self) -> str:
        """For notebooks: the image, its match, and the signal that decided."""
        rows, pictures = {"why": self.why}, {"image": self.thumbnail}
        if self.deciding is not None:
            rows["deciding signal"] = self.deciding.comparison
        if self.matches:
            match = self.matches[0]
            rows |= {"match": match.uri, "files with the same bytes": str(match.exact_duplicates)}
            named = {"caption": match.caption, "rights": match.rights, "url": match.url}
            rows |= {name: text for name, text in named.items() if text is not None}
            pictures["match"] = match.thumbnail
        if self.text_guidance is not None:
            rows["text guidance of the prompt"] = str(self.text_guidance)
        known = {name: data for name, data in pictures.items() if data is not None}
        return card(f"{self.label}, score {self.score:.2f}", rows, known)

    def to_log(self) -> dict[str, Any]:
        """A short dict of plain JSON values, for one line of a log: the label, the score, the
        deciding signal, and the first match."""
        entry: dict[str, Any] = {"label": self.label, "score": round(self.score, LOGGED_DIGITS)}
        if self.attempt:
            entry["attempt"] = self.attempt
        if self.exempt:
            entry["exempt"] = [
                {"match": match.id, "uri": match.uri, "as": match.exempt} for match in self.exempt
            ]
        entry |= self._frames()
        if self.text_guidance is not None:
            entry["text_guidance"] = round(self.text_guidance.value, LOGGED_DIGITS)
            entry["text_guidance_flagged"] = self.text_guidance.flagged
        if self.deciding is None:
            return {**entry, "why": self.why}
        entry |= {
            "signal": self.deciding.name,
            "distance": round(self.deciding.distance, LOGGED_DIGITS),
            "threshold": self.deciding.threshold,
        }
        if self.matches:
            entry |= {"match": self.matches[0].id, "uri": self.matches[0].uri}
        return entry

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values."""
        return {
            "label": self.label,
            "score": self.score,
            "signals": [dataclasses.asdict(signal) for signal in self.signals],
            "matches": [match.to_json() for match in self.matches],
            "why": self.why,
            "attempt": self.attempt,
            **self._frames(),
            **self._text_guidance(),
        }

    def _text_guidance(self) -> dict[str, Any]:
        """The text guidance for JSON; nothing where it was not read."""
        if self.text_guidance is None:
            return {}
        return {"text_guidance": dataclasses.asdict(self.text_guidance)}

    def _frames(self) -> dict[str, Any]:
        """The frames for JSON; nothing for an image."""
        return {"frames": [dataclasses.asdict(span) for span in self.frames]} if self.frames else {}

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
            frames=tuple(FrameSpan(**span) for span in data.get("frames", ())),
            text_guidance=TextGuidance(**guidance)
            if (guidance := data.get("text_guidance"))
            else None,
        )
