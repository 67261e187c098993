"""The result of auditing a model that takes no prompts: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memguard.auditing.eidetic import Metric
from memguard.auditing.findings import Findings
from memguard.auditing.json_values import json_values
from memguard.auditing.samples import Counts
from memguard.calibration.rates import Rate
from memguard.notebook import card
from memguard.verdict import Verdict


@dataclass(frozen=True)
class Group:
    """Generations of an unconditional model that are all close to each other.

    Attributes:
        files: the images.
        mean_distance: mean tiled l2 of their pairs.
        medoid: the file of the image closest to all others.
        verdict: of the medoid; None without an index.
    """

    files: tuple[str, ...]
    mean_distance: float
    medoid: str
    verdict: Verdict | None


@dataclass(frozen=True)
class Eidetic:
    """Pixel distances of samples to training images (Carlini et al. 2023, section 5).

    Attributes:
        compared: references that have pixels.
        relative: relative l2 of each sample, in order; a copy is below 1.
        copies: samples with a relative l2 below 1, of those compared.
        distinct: number of training images that these copy.
        delta: the distance up to which a training image counts as extracted.
        metric: of that distance.
        counts: k -> training images that are (k, l, delta)-eidetic memorized.
    """

    compared: int
    relative: tuple[float, ...]
    copies: Rate
    distinct: int
    delta: float
    metric: Metric
    counts: Mapping[int, int]


@dataclass(frozen=True, repr=False)
class UnconditionalAudit:
    """The audit of a model that takes no prompts.

    Attributes:
        request: what decides which images are made.
        threshold: tiled l2 up to which two images were joined.
        needed: the size of a clique that marks an image as memorized.
        counts: all images by status.
        groups: disjoint cliques of at least that size, the largest first.
        findings: what the index says; None without one.
        eidetic: distances to all training images; None without an index.
    """

    request: Mapping[str, Any]
    threshold: float
    needed: int
    counts: Counts
    groups: tuple[Group, ...]
    findings: Findings | None
    eidetic: Eidetic | None

    @property
    def memorizes(self) -> bool:
        """Whether the index found a copy or, without an index, images came out again."""
        return bool(self.findings.memorized.count if self.findings else self.groups)

    @property
    def confirmed(self) -> Rate | None:
        """Groups whose medoid is a copy, by the index, of all groups."""
        if self.findings is None:
            return None
        right = sum(
            group.verdict is not None and group.verdict.label == "memorized"
            for group in self.groups
        )
        return Rate.of(right, len(self.groups))

    @property
    def in_words(self) -> dict[str, str]:
        """The main figures, by their names."""
        figures = {"images": str(self.counts.made), "groups of images alike": str(len(self.groups))}
        if self.findings is not None:
            found = self.findings.memorized
            figures["copies of training images"] = f"{found.count} of {found.total}"
            figures["training images copied"] = str(len(self.findings.extractions))
        return figures

    def __repr__(self) -> str:
        figures = "; ".join(f"{name}: {value}" for name, value in self.in_words.items())
        return f"<UnconditionalAudit {figures}>"

    def _repr_html_(self) -> str:
        verdict = "memorizes" if self.memorizes else "no memorization found"
        return card(f"Audit: {verdict}", self.in_words)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values; NaN becomes None."""
        derived = {"confirmed": self.confirmed}
        return {"kind": "unconditional", **json_values(self), **json_values(derived)}
