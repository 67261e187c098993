"""Images in, verdicts out: describe, search, verify, decide.

query -> views -> descriptors -> nearest references of each -> candidates -> verification
      -> the smallest distance in each signal, against its thresholds -> verdict
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors import Descriptor
from memguard.descriptors.base import distances
from memguard.detection.score_normalisation import normalised
from memguard.detection.signals import DEFAULTS, Threshold
from memguard.detection.verification import verify
from memguard.detection.views import features_of, views, windows
from memguard.index import Index
from memguard.index.record import Record
from memguard.verdict import Label, Match, Signal, Verdict, View
from memguard.vision.local_features import vlad
from memguard.vision.picture import Picture
from memguard.vision.pixel_distances import ALPHA, relative_l2

WINDOW_NEIGHBOURS = 3
"""References that each descriptor proposes for each part of a query."""

MATCHES = 5
"""Matches that a verdict shows."""

Verify = Callable[[Picture, Picture], dict[str, float]]
"""A view of a query and a reference -> signal name to distance."""

SEVERITY: tuple[Label, ...] = ("clear", "similar", "memorized")
THRESHOLD_NAMES: Mapping[Label, str] = {"similar": "flag", "memorized": "block"}


@dataclass(frozen=True)
class Look:
    """One view of one query.

    Attributes:
        query: its place in the batch.
        view: how it is seen.
        picture: what is seen.
        windows: parts of it, for embeddings.
    """

    query: int
    view: View
    picture: Picture
    windows: Sequence[Picture]


class Detector:
    """Decides whether images copy references of an index.

    Args:
        index: the training set.
        descriptors: those of the index, loaded (:func:`memguard.descriptors.load_descriptors`).
        thresholds: signal name to thresholds; signals without any are measured and shown only.
        rates: the false-positive rates that the thresholds were chosen for, by label.
        thorough: also look for references inside parts of each image, in quarter turns and within
            a border.
        verify: compares a view of a query with a reference.
    """

    def __init__(
        self,
        index: Index,
        descriptors: Sequence[Descriptor],
        thresholds: Mapping[str, Threshold] = DEFAULTS,
        *,
        rates: Mapping[Label, float] | None = None,
        thorough: bool = False,
        verify: Verify = verify,
    ) -> None:
        self.index = index
        self.descriptors = descriptors
        self.thresholds = thresholds
        self.rates = rates or {}
        self.thorough = thorough
        self.verify = verify

    def detect(self, images: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image, in order; images of any mode and size."""
        pictures = [Picture(image) for image in images]
        measured = iter(
            self.find_matches([picture for picture in pictures if not picture.is_blank])
        )
        return [
            Verdict("uninformative", 0.0, why="the image is blank")
            if picture.is_blank
            else self.decide(next(measured))
            for picture in pictures
        ]

    def find_matches(
        self,
        queries: Sequence[Picture],
        excluded_ids: Sequence[str] = (),
        extra_neighbours: int = 0,
    ) -> list[list[Match]]:
        """Every candidate of every query, with its distance in every signal.

        Args:
            queries: none of them blank.
            excluded_ids: by query, the id of a reference to exclude; empty to exclude none.
            extra_neighbours: neighbours searched besides the usual ones, by each descriptor.
        """
        looks = [
            Look(i, view, picture, windows(picture) if self.thorough and view == "as is" else ())
            for i, query in enumerate(queries)
            for view, picture in views(query, thorough=self.thorough).items()
        ]
        if not looks:
            return []
        described = self._describe(looks)
        candidates = self._candidates(looks, described, extra_neighbours)
        wanted = sorted(set().union(*candidates))
        records = dict(zip(wanted, self.index.take(wanted), strict=True))
        references = {row: r.picture() for row, r in records.items() if r.has_pixels}
        blank = {row for row, record in records.items() if record.blank}
        seen: list[dict[str, list[Match]]] = [{} for _ in queries]
        for look, rows, proposed in zip(looks, described, candidates, strict=True):
            excluded = excluded_ids[look.query] if excluded_ids else ""
            near = [row for row in sorted(proposed - blank) if records[row].id != excluded]
            compared = self._compare(rows, [records[row] for row in near])
            for row, measured in zip(near, compared, strict=True):
                if row in references:
                    measured |= self.verify(look.picture, references[row])
                match = self._match(records[row], look.view, measured)
                seen[look.query].setdefault(match.id, []).append(match)
        for found in seen:
            _relate([match for views_of in found.values() for match in views_of])
        return [
            sorted(
                (max(views_of, key=self._rank) for views_of in found.values()),
                key=self._rank,
                reverse=True,
            )
            for found in seen
        ]

    def decide(self, matches: Sequence[Match]) -> Verdict:
        """The verdict on a query with these matches."""
        signals = tuple(
            Signal(
                name,
                min(match.distances[name] for match in matches if name in match.distances),
                threshold.similar,
                threshold.memorized,
            )
            for name, threshold in self.thresholds.items()
            if any(name in match.distances for match in matches)
        )
        if not signals:
            return Verdict("clear", 0.0, why="no reference came near the image")
        closest = max(matches, key=self._rank)
        return Verdict(
            label=max((signal.label for signal in signals), key=SEVERITY.index),
            score=max(signal.evidence for signal in signals),
            signals=signals,
            matches=tuple(matches[:MATCHES]),
            why=self._why(closest),
        )

    def _why(self, match: Match) -> str:
        signal = max(self._signals(match), key=lambda signal: signal.evidence)
        kind: Label = "memorized" if signal.label == "memorized" else "similar"
        limit = signal.memorized if kind == "memorized" else signal.similar
        side = "beyond" if signal.label == "clear" else "within"
        view = "" if match.view == "as is" else f" ({match.view})"
        rate = f" (FPR {self.rates[kind]:g})" if kind in self.rates else ""
        return (
            f"{signal.name} distance {signal.distance:.3g} to reference {match.uri}{view} is "
            f"{side} the {THRESHOLD_NAMES[kind]} threshold {limit:.3g}{rate}"
        )

    def _describe(self, looks: Sequence[Look]) -> list[dict[str, NDArray[Any]]]:
        """Each look's rows by descriptor, all in one batch; of embeddings, its windows' as well."""
        described: list[dict[str, NDArray[Any]]] = [{} for _ in looks]
        for descriptor in self.descriptors:
            name = descriptor.spec.name
            pictures = [
                [look.picture, *(look.windows if descriptor.describes_windows else ())]
                for look in looks
            ]
            matrix = descriptor.describe(
                [descriptor.prepare(picture) for many in pictures for picture in many]
            )
            ends = np.cumsum([len(many) for many in pictures])[:-1]
            for rows, part in zip(described, np.split(matrix, ends), strict=True):
                rows[name] = part
        return described

    def _candidates(
        self, looks: Sequence[Look], described: Sequence[Mapping[str, NDArray[Any]]], extra: int
    ) -> list[set[int]]:
        """The rows of the references that any descriptor proposes for each look."""
        found: list[set[int]] = [set() for _ in looks]
        for descriptor in self.descriptors:
            name, neighbours = descriptor.spec.name, descriptor.neighbours + extra
            whole = [(i, rows[name][0]) for i, rows in enumerate(described)]
            self._propose(name, whole, neighbours, found)
            parts = [(i, row) for i, rows in enumerate(described) for row in rows[name][1:]]
            self._propose(name, parts, WINDOW_NEIGHBOURS, found)
        if self.thorough:
            sums = [
                (i, vlad(part))
                for i, look in enumerate(looks)
                for part in features_of(look.picture)
            ]
            self._propose("vlad", sums, WINDOW_NEIGHBOURS, found)
        return found

    def _propose(
        self,
        name: str,
        rows: Sequence[tuple[int, NDArray[Any]]],
        neighbours: int,
        found: Sequence[set[int]],
    ) -> None:
        """Add each row's nearest references to its look's; rows of zeros are near nothing."""
        told = [(i, row) for i, row in rows if row.any()]
        if told:
            _, nearest = self.index.search(name, np.stack([row for _, row in told]), neighbours)
            for (i, _), positions in zip(told, nearest.tolist(), strict=True):
                found[i].update(position for position in positions if position >= 0)

    def _compare(
        self, rows: Mapping[str, NDArray[Any]], records: Sequence[Record]
    ) -> list[dict[str, float]]:
        """The smallest distance of a query's rows to each record, in every descriptor."""
        compared: list[dict[str, float]] = [{} for _ in records]
        for descriptor in self.descriptors:
            spec = descriptor.spec
            name, queries = spec.name, rows[spec.name]
            held = [i for i, record in enumerate(records) if name in record.vectors]
            if not held:
                continue
            references = np.stack([records[i].vectors[name] for i in held])
            columns = {name: np.stack([distances(spec, row, references) for row in queries])}
            if descriptor.score_normalised:
                background = self.index.background(name)
                columns[f"{name}_normalised"] = normalised(queries, references, background)
            for signal, column in columns.items():
                for i, value in zip(held, column.min(axis=0).tolist(), strict=True):
                    compared[i][signal] = value
        return compared

    def _match(self, record: Record, view: View, measured: dict[str, float]) -> Match:
        return Match(
            id=record.id,
            uri=record.uri,
            view=view,
            distances=measured,
            exact_duplicates=record.exact_duplicates,
            near_duplicates=record.near_duplicates,
            caption=record.caption,
            rights=record.rights,
            url=record.url,
        )

    def _signals(self, match: Match) -> list[Signal]:
        """What this reference alone would say."""
        return [
            Signal(name, match.distances[name], limit.similar, limit.memorized)
            for name, limit in self.thresholds.items()
            if name in match.distances
        ]

    def _rank(self, match: Match) -> tuple[int, float]:
        """The gravest label that a reference gives, then the evidence of all signals together."""
        signals = self._signals(match)
        label = max((SEVERITY.index(signal.label) for signal in signals), default=0)
        return label, sum(signal.evidence for signal in signals)


def _relate(matches: Sequence[Match]) -> None:
    """Add what each l2 is beside the usual: the candidates stand for the query's neighbourhood.

    Where a model has smoothed texture away, neither structure nor l2 alone tell a copy from a
    chance likeness; ``structure_and_l2``, the Euclidean sum of the distance in structure and of
    l2 over the usual l2, does.
    """
    compared = [match for match in matches if "l2" in match.distances]
    if compared:
        near = np.array([match.distances["l2"] for match in compared], dtype=np.float32)
        for match, relative in zip(compared, relative_l2(near, near).tolist(), strict=True):
            match.distances["relative_l2"] = relative
            match.distances["structure_and_l2"] = math.hypot(
                match.distances["structure"], ALPHA * relative
            )
