"""What the index of the training set says of an audit's images."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from memguard.auditing.eidetic import DELTA
from memguard.auditing.references import duplicates_of
from memguard.auditing.samples import Sample
from memguard.calibration.rates import Rate
from memguard.verdict import Match, Verdict

LookedUp = tuple[str | None, Sample, Verdict]
"""An image that was looked up: its prompt, its sample, its verdict."""


@dataclass(frozen=True)
class Extraction:
    """A training image that was copied, with the generation that is its clearest copy; or one that
    images are flagged for.

    Attributes:
        file: the generation's path in the audit's folder.
        prompt: of the generation; None for an unconditional model.
        seed: see :class:`memguard.auditing.samples.Sample`.
        match: the training image, with its distances.
        why: the verdict in one sentence.
        samples: number of generations that copy this training image, or are flagged for it.
        duplicates: number of times that the training set holds it.
        rights: its licence or copyright notice; None where the source gave none.
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
        index: its name.
        references: distinct images in it.
        false_rate: target false-positive rate of its calibration; None where that was not proven.
        recall: share of simulated copies that its calibration blocks; None where none were made.
        memorized: images that are copies, of those compared.
        similar: images that are only flagged.
        within_delta: copies whose plain l2 to the training image is at most the paper's 0.15.
        extractions: one for each training image that was copied, the clearest first.
        flagged: likewise for those that images are only flagged for, and that none copies.
        noticed: extractions with a rights notice, of all.
    """

    index: str
    references: int
    false_rate: float | None
    recall: float | None
    memorized: Rate
    similar: int
    within_delta: int
    extractions: tuple[Extraction, ...]
    flagged: tuple[Extraction, ...]
    noticed: Rate

    @classmethod
    def of(
        cls,
        index: str,
        references: int,
        false_rate: float | None,
        recall: float | None,
        looked_up: Sequence[LookedUp],
    ) -> Findings:
        """Summarize the images that were compared."""
        copies = [each for each in looked_up if each[2].label == "memorized"]
        similar = [each for each in looked_up if each[2].label == "similar"]
        extractions = _extractions(copies)
        copied = {extraction.match.id for extraction in extractions}
        noticed = sum(extraction.rights is not None for extraction in extractions)
        return cls(
            index=index,
            references=references,
            false_rate=false_rate,
            recall=recall,
            memorized=Rate.of(len(copies), len(looked_up)),
            similar=len(similar),
            within_delta=sum(
                verdict.matches[0].distances.get("l2", math.inf) <= DELTA
                for _, _, verdict in copies
            ),
            extractions=extractions,
            flagged=tuple(each for each in _extractions(similar) if each.match.id not in copied),
            noticed=Rate.of(noticed, len(extractions)),
        )


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
