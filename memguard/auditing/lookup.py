"""Verdicts on an audit's images, by the index of the training set."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from memguard.auditing.findings import Findings, LookedUp
from memguard.auditing.run_folder import RunFolder
from memguard.auditing.samples import Sample
from memguard.calibration.load import calibrated_detector
from memguard.calibration.result import Calibration
from memguard.index import Index
from memguard.index.open import open_index
from memguard.verdict import Verdict

BATCH_IMAGES = 16
"""Images checked at once."""


class IndexLookup:
    """An index with its calibrated detector.

    Args:
        index: the training set.
        thorough, weights: see :class:`memguard.Guard`.
    """

    def __init__(
        self, index: Index, *, thorough: bool = False, weights: Mapping[str, str] | None = None
    ) -> None:
        self.index = index
        self._detector = calibrated_detector(index, thorough=thorough, weights=weights)

    @classmethod
    def open(
        cls, index: Index | str | os.PathLike[str] | None, **options: Any
    ) -> IndexLookup | None:
        """The lookup in an index, or in the one at a path; None where there is none."""
        if index is None:
            return None
        return cls(index if isinstance(index, Index) else open_index(index), **options)

    def findings(self, looked_up: Sequence[LookedUp]) -> Findings:
        """Summarize the images that were looked up."""
        calibration = Calibration.of(self.index)
        simulated = calibration and calibration.memorized.recall
        return Findings.of(
            self.index.name,
            len(self.index),
            self._detector.rates.get("memorized"),
            calibration.memorized.mean_recall if calibration and simulated else None,
            looked_up,
        )

    @property
    def fingerprint(self) -> str:
        """Identifies the index and its thresholds; stored verdicts are valid for one of them."""
        thresholds = {
            name: dataclasses.astuple(limit) for name, limit in self._detector.thresholds.items()
        }
        identity = [str(self.index), self._detector.thorough, thresholds]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def verdicts(
        self,
        folder: RunFolder,
        number: int,
        samples: Sequence[Sample],
        advance: Callable[[int], None],
    ) -> list[Verdict | None]:
        """The verdict on each ``made`` sample, with its strongest match; None for the others.

        Args:
            folder: holds the images, and stores the verdicts.
            number: of the prompt.
            samples: of the prompt.
            advance: called with the number of images that were looked up.
        """
        stored = folder.verdicts(number, self.fingerprint)
        made = [i for i, sample in enumerate(samples) if sample.status == "made"]
        if stored is not None and len(stored) == len(samples):
            advance(len(made))
            return stored
        verdicts: list[Verdict | None] = [None] * len(samples)
        for start in range(0, len(made), BATCH_IMAGES):
            batch = made[start : start + BATCH_IMAGES]
            images = [folder.image(str(samples[i].file)) for i in batch]
            for i, verdict in zip(batch, self._detector.detect(images), strict=True):
                verdicts[i] = dataclasses.replace(verdict, matches=verdict.matches[:1])
            advance(len(batch))
        folder.write_verdicts(number, self.fingerprint, verdicts)
        return verdicts
