"""What every audit's result has: its request, its counts, what the index says, how it prints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from memguard.auditing.findings import Findings
from memguard.auditing.json_values import json_values
from memguard.auditing.samples import Counts
from memguard.calibration.rates import Rate
from memguard.notebook import card


@dataclass(frozen=True, repr=False)
class AuditResult(ABC):
    """The result of an audit.

    Attributes:
        request: what decides which images are made.
        threshold: tiled l2 up to which two images were joined.
        needed: the size of a clique that marks a prompt, or an image, as memorized.
        counts: all images by status.
        findings: what the index says; None without one.
        provenance: what was audited against what, when, and by which memguard, in words.
    """

    request: Mapping[str, Any]
    threshold: float
    needed: int
    counts: Counts
    findings: Findings | None
    provenance: Mapping[str, str]

    kind: ClassVar[str]
    """In JSON."""

    @property
    @abstractmethod
    def repeats(self) -> bool:
        """Whether enough images are alike to predict that one is memorized."""

    @property
    @abstractmethod
    def repeated(self) -> tuple[str, str]:
        """What that count is called, and the count, in words."""

    @property
    @abstractmethod
    def derived(self) -> dict[str, Any]:
        """What JSON holds besides the attributes."""

    @property
    @abstractmethod
    def confirmed(self) -> Rate | None:
        """Of what is predicted to be memorized, the share whose medoid is a copy, by the index;
        None without one."""

    @property
    def memorizes(self) -> bool:
        """Whether the index found a copy or, without an index, images came out again and again."""
        return bool(self.findings.memorized.count) if self.findings else self.repeats

    @property
    def in_words(self) -> dict[str, str]:
        """The main figures, by their names."""
        name, count = self.repeated
        figures = {"images": str(self.counts.made), name: count}
        if self.findings is not None:
            found = self.findings.memorized
            figures["copies of training images"] = f"{found.count} of {found.total}"
            figures["training images copied"] = str(len(self.findings.extractions))
        return figures

    def __repr__(self) -> str:
        figures = "; ".join(f"{name}: {value}" for name, value in self.in_words.items())
        return f"<{type(self).__name__} {figures}>"

    def _repr_html_(self) -> str:
        verdict = "memorizes" if self.memorizes else "no memorization found"
        return card(f"Audit: {verdict}", self.in_words)

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values; NaN becomes None."""
        return {"kind": self.kind, **json_values(self), **json_values(self.derived)}
