"""The result of auditing a model that takes prompts: plain frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from memguard.auditing.audit_result import AuditResult
from memguard.auditing.cliques import Clique
from memguard.auditing.samples import Counts
from memguard.calibration.rates import Rate
from memguard.verdict import Verdict


@dataclass(frozen=True)
class PromptResult:
    """The result for one prompt.

    Attributes:
        prompt: the text.
        number: its position in the request.
        counts: its images by status.
        clique: the largest clique; its members are positions among the prompt's images.
        marked: whether the clique is large enough to call the prompt memorized.
        medoid: the file of the clique's medoid; None without a clique.
        verdict: of the medoid; None without a clique or an index.
        memorized: number of its images that the index calls memorized; None without an index.
        text_guidance: of its first image (:class:`memguard.TextGuidance`); None where it could not
            be read.
    """

    prompt: str
    number: int
    counts: Counts
    clique: Clique
    marked: bool
    medoid: str | None
    verdict: Verdict | None
    memorized: int | None
    text_guidance: float | None = None

    @property
    def suspicion(self) -> tuple[bool, int, float]:
        """Sort key, the most suspicious first: marked prompts by the mean distance inside the
        clique, as in the paper; then the others by :attr:`Clique.nearness`."""
        size, distance = self.clique.nearness
        return (not self.marked, 0 if self.marked else size, distance)


@dataclass(frozen=True, repr=False)
class Audit(AuditResult):
    """The audit of a model that takes prompts.

    Attributes:
        prompts: one result each, the most suspicious first.
        unreached: those that the budget left no images for, the most suspicious first by their
            text guidance.
    """

    prompts: tuple[PromptResult, ...]
    unreached: tuple[str, ...] = ()

    kind = "prompts"

    @property
    def marked(self) -> Rate:
        """Prompts predicted to be memorized, of all."""
        return Rate.of(sum(result.marked for result in self.prompts), len(self.prompts))

    @property
    def copied_prompts(self) -> Rate | None:
        """Prompts with at least one image that the index calls memorized, of all."""
        if self.findings is None:
            return None
        return Rate.of(sum(bool(each.memorized) for each in self.prompts), len(self.prompts))

    @property
    def precision(self) -> tuple[float, ...]:
        """For each n up to the number of prompts with a clique: the share of the n most suspicious
        whose medoid is a copy, by the index; empty without one."""
        if self.findings is None:
            return ()
        right = 0
        shares = []
        for n, result in enumerate((each for each in self.prompts if each.clique.size), start=1):
            right += result.verdict is not None and result.verdict.label == "memorized"
            shares.append(right / n)
        return tuple(shares)

    @property
    def confirmed(self) -> Rate | None:
        if self.findings is None:
            return None
        marked = [each.verdict for each in self.prompts if each.marked]
        right = sum(verdict is not None and verdict.label == "memorized" for verdict in marked)
        return Rate.of(right, len(marked))

    @property
    def repeats(self) -> bool:
        return bool(self.marked.count)

    @property
    def repeated(self) -> tuple[str, str]:
        return "prompts marked", f"{self.marked.count} of {self.marked.total}"

    @property
    def derived(self) -> dict[str, Any]:
        return {
            "marked": self.marked,
            "copied_prompts": self.copied_prompts,
            "confirmed": self.confirmed,
            "precision": self.precision,
        }
