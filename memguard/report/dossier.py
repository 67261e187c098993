"""Many explanations as one HTML page, the gravest first, with a list of contents."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memguard.calibration.result import Calibration
from memguard.files import write_text
from memguard.index import Index
from memguard.report.cases import GRAVITY, Case
from memguard.report.pages import render
from memguard.report.provenance import provenance

MOST_SHOWN = 100
"""Images that are shown with their evidence, the gravest; a page holds about 300 KB of each. The
others are listed."""


@dataclass(frozen=True)
class Dossier:
    """Explanations of images, for a person to judge.

    Attributes:
        cases: one for each image, in the order given; those beyond :data:`MOST_SHOWN` are listed.
        index: what they were compared with.
        command: how to repeat it.
        left_out: images of an earlier check that passed, and are not explained.
    """

    cases: Sequence[Case]
    index: Index
    command: str
    left_out: int = 0

    @classmethod
    def of(cls, cases: Iterable[Case], index: Index, command: str, left_out: int = 0) -> Dossier:
        """The dossier of these cases; of those that are only listed, no pictures are kept."""
        kept: list[Case] = []
        shown: list[tuple[tuple[int, float], int]] = []
        for case in cases:
            heapq.heappush(shown, ((-case.gravity[0], -case.gravity[1]), len(kept)))
            kept.append(case)
            if len(shown) > MOST_SHOWN:
                _, least = heapq.heappop(shown)
                kept[least] = kept[least].listed()
        return cls(kept, index, command, left_out)

    def to_html(self) -> str:
        """The page.

        Raises:
            ConfigurationError: the extra ``report`` is not installed.
        """
        ordered = sorted(self.cases, key=lambda case: case.gravity)
        return render(
            "explain.html.j2",
            cases=ordered,
            counts={label: sum(case.label == label for case in ordered) for label in GRAVITY},
            left_out=self.left_out,
            name=Path(self.index.name).name,
            records=len(self.index),
            calibrated=Calibration.of(self.index) is not None,
            tags={"memorized": "block", "similar": "flag", "unchecked": "flag"},
            provenance=provenance(self.index, self.command),
        )

    def to_json(self) -> dict[str, Any]:
        """What the page says, as plain JSON values."""
        return {
            "provenance": dict(provenance(self.index, self.command)),
            "images": [
                {**case.data, **({"recorded": case.recorded} if case.recorded else {})}
                for case in self.cases
            ],
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page.

        Raises:
            ConfigurationError: the extra ``report`` is not installed.
            OSError: the file cannot be written.
        """
        write_text(Path(path), self.to_html())
