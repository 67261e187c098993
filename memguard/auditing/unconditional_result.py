"""The result of auditing a model that takes no prompts: plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from memguard.auditing.audit_result import AuditResult
from memguard.auditing.eidetic import Metric
from memguard.calibration.rates import Rate
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
class UnconditionalAudit(AuditResult):
    """The audit of a model that takes no prompts.

    Attributes:
        groups: disjoint cliques of at least the size that is needed, the largest first.
        eidetic: distances to all training images; None without an index.
    """

    groups: tuple[Group, ...]
    eidetic: Eidetic | None

    kind = "unconditional"

    @property
    def confirmed(self) -> Rate | None:
        if self.findings is None:
            return None
        right = sum(
            group.verdict is not None and group.verdict.label == "memorized"
            for group in self.groups
        )
        return Rate.of(right, len(self.groups))

    @property
    def repeats(self) -> bool:
        return bool(self.groups)

    @property
    def repeated(self) -> tuple[str, str]:
        return "groups of images alike", str(len(self.groups))

    @property
    def derived(self) -> dict[str, Any]:
        return {"confirmed": self.confirmed}
