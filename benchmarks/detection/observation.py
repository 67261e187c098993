"""What was measured of one query, as the cache keeps it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

Distances = dict[str, float]
"""Signal to distance."""


@dataclass(frozen=True)
class Observation:
    """One query's distances to references; mappings are by detector, as in `detectors`.

    Attributes:
        source: file name of the picture that the query was made of.
        kind, role, transform: see :class:`benchmarks.detection.splits.Query`.
        distances: of a copy, to its own reference; of a negative, the smallest over its matches;
            for leave-one-out, the smallest over the matches that are no copies of the query.
        nearest: file name of the match with the strongest evidence by the default thresholds.
        contaminated_by: file name of a reference that, by memguard's judgement, a negative copies.
        pdq, distilled: distances of the two signals that memguard does not have.
    """

    source: str
    kind: str
    role: str
    transform: str
    distances: dict[str, Distances]
    nearest: dict[str, str]
    contaminated_by: dict[str, str]
    pdq: float
    distilled: float | None

    @property
    def key(self) -> str:
        """The same as the key of its query."""
        return f"{self.role}|{self.transform}|{self.source}"

    def to_line(self) -> str:
        """One line of a JSON Lines file."""
        return json.dumps(asdict(self)) + "\n"


Observations = Sequence[Observation]


def read_observations(file: Path) -> Iterator[Observation]:
    """The observations in a file of lines by :meth:`Observation.to_line`."""
    for line in file.read_text(encoding="utf-8").splitlines():
        yield Observation(**json.loads(line))


def with_role(observations: Observations, role: str) -> list[Observation]:
    """The observations that were measured for one purpose."""
    return [one for one in observations if one.role == role]
