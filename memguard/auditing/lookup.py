"""Each image of an audit against the index of the training set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.auditing.distances import Levels, levels_of
from memguard.auditing.findings import Findings, LookedUp
from memguard.auditing.references import records_of
from memguard.auditing.run_folder import Kept
from memguard.auditing.samples import Sample
from memguard.calibration.calibrate import calibrated_detector
from memguard.index import Index
from memguard.index.open import open_index
from memguard.verdict import Verdict

BATCH = 16
"""Images described at once."""


class LookUp:
    """An index's detector, and what it said before.

    Args:
        index: the training set.
        thorough, weights: see :class:`memguard.Guard`.
    """

    def __init__(
        self,
        index: Index,
        *,
        thorough: bool,
        weights: Mapping[str, str] | None,
    ) -> None:
        self.index = index
        self._detector = calibrated_detector(index, thorough=thorough, weights=weights)

    @classmethod
    def opened(cls, index: Index | str | os.PathLike[str] | None, **options: Any) -> LookUp | None:
        """The look-up in an index or the one at a path; None where there is none."""
        if index is None:
            return None
        return cls(index if isinstance(index, Index) else open_index(index), **options)

    def findings(self, looked_up: Sequence[LookedUp]) -> Findings:
        """What came out of it all."""
        return Findings.of(
            self.index.name,
            len(self.index),
            self._detector.rates.get("memorized"),
            looked_up,
        )

    @property
    def fingerprint(self) -> str:
        """Names the index and its thresholds: with others, every image is looked up again."""
        thresholds = {
            name: dataclasses.astuple(limit) for name, limit in self._detector.thresholds.items()
        }
        said = [str(self.index), self._detector.thorough, thresholds]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def verdicts(
        self, kept: Kept, number: int, samples: Sequence[Sample], advance: Callable[[int], None]
    ) -> list[Verdict | None]:
        """One for each sample that shows something, with its strongest match; None for others."""
        known = kept.verdicts(number, self.fingerprint)
        shown = [i for i, sample in enumerate(samples) if sample.status == "made"]
        if known is not None and len(known) == len(samples):
            advance(len(shown))
            return known
        verdicts: list[Verdict | None] = [None] * len(samples)
        for start in range(0, len(shown), BATCH):
            batch = shown[start : start + BATCH]
            images = [kept.image(str(samples[i].file)) for i in batch]
            for i, verdict in zip(batch, self._detector.detect(images), strict=True):
                verdicts[i] = dataclasses.replace(verdict, matches=verdict.matches[:1])
            advance(len(batch))
        kept.keep_verdicts(number, self.fingerprint, verdicts)
        return verdicts


class ReferenceLevels:
    """The pixels of an index's references, in blocks; gone through as often as needed.

    References without pixels, of which only embeddings were indexed, are left out.

    Args:
        index: the training set.
        side: edge of the squares, a multiple of 4.

    Attributes:
        copies: files of the training set that hold each reference, int64 (m,); filled when all
            blocks have been gone through.
    """

    def __init__(self, index: Index, side: int) -> None:
        self._index = index
        self._side = side
        self.copies: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def __iter__(self) -> Iterator[Levels]:
        copies: list[int] = []
        for records in records_of(self._index):
            copies += [record.exact_duplicates for record in records]
            yield levels_of([record.image() for record in records], self._side)
        self.copies = np.array(copies, dtype=np.int64)
