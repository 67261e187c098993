"""What an audit found: plain frozen values, JSON out."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memguard.auditing.cliques import Clique
from memguard.auditing.eidetic import DELTA, Metric
from memguard.auditing.generation import Status
from memguard.auditing.references import duplicates_of
from memguard.auditing.run_folder import Sample
from memguard.calibration.calibrate import Rate
from memguard.verdict import Match, Verdict

LookedUp = tuple[str | None, Sample, Verdict]
"""An image that was looked up: its prompt, what is known of it, and the verdict."""


@dataclass(frozen=True)
class Counts:
    """How many images there are of each :data:`memguard.auditing.generation.Status`."""

    made: int
    withheld: int
    blank: int
    unreadable: int

    @classmethod
    def of(cls, samples: Iterable[Sample]) -> Counts:
        counted: Counter[Status] = Counter(sample.status for sample in samples)
        return cls(counted["made"], counted["withheld"], counted["blank"], counted["unreadable"])

    @property
    def total(self) -> int:
        return self.made + self.withheld + self.blank + self.unreadable


@dataclass(frozen=True)
class Extraction:
    """A training image that came out, with the generation that is its clearest copy.

    Attributes:
        file: the generation, in the audit's folder.
        prompt: what it was made from; None for an unconditional model.
        seed: see :class:`memguard.auditing.run_folder.Sample`.
        match: the training image, with its distances.
        why: the verdict in one sentence.
        samples: how many generations copy this training image.
        duplicates: how often the training set holds it.
        rights: its licence or copyright notice, where it came with one.
    """

    file: str
    prompt: str | None
    seed: int | None
    match: Match
    why: str
    samples: int
    duplicates: int
    rights: str | None


@dataclass(frozen=True)
class Findings:
    """What the index of the training set says.

    Attributes:
        index: which one.
        references: distinct images in it.
        false_rate: the share of novel images that its calibration allows to be called memorized;
            None where that was not proven.
        memorized: images that are copies, of those compared.
        similar: images that are flagged beside these.
        within_delta: copies whose plain l2 to the training image is within the paper's 0.15, too.
        extractions: one for each training image that was copied, the clearest first.
        noticed: those that came with a rights notice, of all.
    """

    index: str
    references: int
    false_rate: float | None
    memorized: Rate
    similar: int
    within_delta: int
    extractions: tuple[Extraction, ...]
    noticed: Rate

    @classmethod
    def of(
        cls,
        index: str,
        references: int,
        false_rate: float | None,
        looked_up: Sequence[LookedUp],
    ) -> Findings:
        """From each image that was compared."""
        copies = [each for each in looked_up if each[2].label == "memorized"]
        extractions = _extractions(copies)
        noticed = sum(extraction.rights is not None for extraction in extractions)
        return cls(
            index=index,
            references=references,
            false_rate=false_rate,
            memorized=Rate.of(len(copies), len(looked_up)),
            similar=sum(verdict.label == "similar" for _, _, verdict in looked_up),
            within_delta=sum(
                verdict.matches[0].distances.get("l2", math.inf) <= DELTA
                for _, _, verdict in copies
            ),
            extractions=extractions,
            noticed=Rate.of(noticed, len(extractions)),
        )


@dataclass(frozen=True)
class PromptResult:
    """What became of one prompt.

    Attributes:
        prompt: the text.
        number: its position in the request.
        counts: its images by status.
        clique: the largest clique; members count the prompt's images.
        marked: whether the clique is large enough to call the prompt memorized.
        medoid: the file of the clique's medoid; None without a clique.
        verdict: of the medoid; None without a clique or an index.
        memorized: how many of its images the index calls memorized; None without one.
    """

    prompt: str
    number: int
    counts: Counts
    clique: Clique
    marked: bool
    medoid: str | None
    verdict: Verdict | None
    memorized: int | None

    @property
    def suspicion(self) -> tuple[bool, int, float]:
        """Sorts prompts, the most suspicious first: those that are marked by the mean distance
        inside the clique, as in the paper; then the others by :attr:`Clique.nearness`."""
        size, distance = self.clique.nearness
        return (not self.marked, 0 if self.marked else size, distance)


@dataclass(frozen=True)
class Audit:
    """The audit of a model that takes prompts.

    Attributes:
        request: what was asked for.
        threshold: tiled l2 up to which two images were joined.
        needed: the size of clique that marks a prompt.
        counts: all images by status.
        prompts: one result each, the most suspicious first.
        findings: what the index says; None without one.
    """

    request: Mapping[str, Any]
    threshold: float
    needed: int
    counts: Counts
    prompts: tuple[PromptResult, ...]
    findings: Findings | None

    @property
    def memorizes(self) -> bool:
        """Whether anything was found: a copy, by the index; without one, a prediction."""
        return bool(self.findings.memorized.count if self.findings else self.marked.count)

    @property
    def marked(self) -> Rate:
        """Prompts that are predicted to be memorized, of all."""
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
        """Marked prompts whose medoid is a copy, by the index, of those marked."""
        if self.findings is None:
            return None
        marked = [each.verdict for each in self.prompts if each.marked]
        right = sum(verdict is not None and verdict.label == "memorized" for verdict in marked)
        return Rate.of(right, len(marked))

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values; what is not a number is None."""
        derived = {
            "marked": self.marked,
            "copied_prompts": self.copied_prompts,
            "confirmed": self.confirmed,
            "precision": self.precision,
        }
        return {"kind": "prompts", **_json(self), **_json(derived)}


@dataclass(frozen=True)
class Group:
    """Generations of an unconditional model that are all close to each other.

    Attributes:
        files: the images.
        mean_distance: mean tiled l2 of their pairs.
        medoid: the file of the image that stands for them.
        verdict: of the medoid; None without an index.
    """

    files: tuple[str, ...]
    mean_distance: float
    medoid: str
    verdict: Verdict | None


@dataclass(frozen=True)
class Eidetic:
    """How near samples come to training images, on pixels (Carlini et al. 2023, section 5).

    Attributes:
        compared: references that have pixels.
        relative: relative l2 of each sample, in order; below 1 a copy.
        copies: samples with a relative l2 below 1, of those compared.
        distinct: the training images that these copy.
        delta: the distance within which a training image counts as extracted.
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


@dataclass(frozen=True)
class UnconditionalAudit:
    """The audit of a model that takes no prompts.

    Attributes:
        request: what was asked for.
        threshold: tiled l2 up to which two images were joined.
        needed: the size of clique that marks an image as memorized.
        counts: all images by status.
        groups: cliques of at least that size that share no image, the largest first.
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
        """Whether anything was found: a copy, by the index; without one, a prediction."""
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

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values; what is not a number is None."""
        derived = {"confirmed": self.confirmed}
        return {"kind": "unconditional", **_json(self), **_json(derived)}


def _extractions(copies: Sequence[LookedUp]) -> tuple[Extraction, ...]:
    samples = Counter(verdict.matches[0].id for _, _, verdict in copies)
    found: dict[str, Extraction] = {}
    for prompt, sample, verdict in sorted(copies, key=lambda each: -each[2].score):
        match = verdict.matches[0]
        if match.id not in found and sample.file is not None:
            found[match.id] = Extraction(
                file=sample.file,
                prompt=prompt,
                seed=sample.seed,
                match=match,
                why=verdict.why,
                samples=samples[match.id],
                duplicates=duplicates_of(match),
                rights=match.rights,
            )
    return tuple(found.values())


def _json(value: Any) -> Any:
    if isinstance(value, (Match, Verdict)):
        return _json(value.to_json())
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: _json(getattr(value, each.name)) for each in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
