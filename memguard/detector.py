"""Images in, verdicts out: describe, search, verify, decide.

query -> views -> descriptors -> nearest references of each -> candidates -> verification
      -> the smallest distance in each signal, against its thresholds -> verdict
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors import Descriptor
from memguard.descriptors.base import distances
from memguard.index import Index
from memguard.index.store import Record
from memguard.local_features import LocalFeatures, vlad
from memguard.normalisation import normalised
from memguard.picture import Picture
from memguard.thresholds import DEFAULTS, Threshold
from memguard.verdict import Label, Match, Signal, Verdict, View
from memguard.verification import measure

NEIGHBOURS: Mapping[str, int] = {"phash64": 1, "phash256": 3, "pixels": 5, "vlad": 8}
"""References that each descriptor proposes for each view of a query; others propose
:data:`OTHER_NEIGHBOURS`."""

OTHER_NEIGHBOURS = 5

NORMALISED = ("sscd", "clip")
"""Embeddings whose distance is also given less the query's usual distance, as NAME_normalised."""

WINDOWS = (
    (0.15, 0.15, 0.85, 0.85),
    (0.0, 0.0, 0.6, 0.6),
    (0.4, 0.0, 1.0, 0.6),
    (0.0, 0.4, 0.6, 1.0),
    (0.4, 0.4, 1.0, 1.0),
)
"""Parts of a query (left, top, right, bottom, as shares) in which ``thorough`` looks for insets."""

WINDOW_NEIGHBOURS = 3
FEWEST_FEATURES = 8
"""A window with fewer local features proposes nothing."""

MATCHES = 5
"""Matches that a verdict shows."""

SEVERITY: tuple[Label, ...] = ("clear", "similar", "memorized")
THRESHOLD_NAMES: Mapping[Label, str] = {"similar": "flag", "memorized": "block"}


class Detector:
    """Decides whether images copy references of an index.

    Args:
        index: the training set.
        descriptors: those of the index, loaded (:func:`memguard.descriptors.load_descriptors`).
        thresholds: signal name to thresholds; signals without any are measured and shown only.
        rates: the false-positive rates that the thresholds were chosen for, by label.
        thorough: also look for references inside parts of each image.
    """

    def __init__(
        self,
        index: Index,
        descriptors: Sequence[Descriptor],
        thresholds: Mapping[str, Threshold] = DEFAULTS,
        *,
        rates: Mapping[Label, float] | None = None,
        thorough: bool = False,
    ) -> None:
        self.index = index
        self.descriptors = descriptors
        self.thresholds = thresholds
        self.rates = rates or {}
        self.thorough = thorough

    def detect(self, images: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image, in order; images of any mode and size."""
        pictures = [Picture(image) for image in images]
        return [
            Verdict("uninformative", 0.0, why="the image is blank")
            if picture.is_blank
            else self.decide(matches)
            for picture, matches in zip(pictures, self.measure(pictures), strict=True)
        ]

    def measure(self, queries: Sequence[Picture]) -> list[list[Match]]:
        """Every candidate of every query, with its distance in every signal."""
        if not queries:
            return []
        views: dict[View, list[Picture]] = {
            "as is": list(queries),
            "mirrored": [query.mirrored() for query in queries],
        }
        described = {view: self._describe(pictures) for view, pictures in views.items()}
        candidates = {
            view: self._candidates(pictures, described[view]) for view, pictures in views.items()
        }
        wanted = sorted(set().union(*(rows for lists in candidates.values() for rows in lists)))
        records = dict(zip(wanted, self.index.take(wanted), strict=True))
        references = {row: record.picture() for row, record in records.items()}
        matches: list[list[Match]] = []
        for i in range(len(queries)):
            closest: dict[str, Match] = {}
            for view, pictures in views.items():
                rows = {name: matrix[i] for name, matrix in described[view].items()}
                for row in candidates[view][i]:
                    record = records[row]
                    measured = measure(pictures[i], references[row]) | self._compare(rows, record)
                    match = self._match(record, view, measured)
                    closest[record.id] = _closer(closest.get(record.id), match, self._evidence)
            matches.append(sorted(closest.values(), key=self._evidence, reverse=True))
        return matches

    def decide(self, matches: Sequence[Match]) -> Verdict:
        """The verdict on a query with these matches."""
        signals = tuple(
            Signal(
                name,
                min(match.distances[name] for match in matches),
                threshold.similar,
                threshold.memorized,
            )
            for name, threshold in self.thresholds.items()
            if matches and name in matches[0].distances
        )
        if not signals:
            return Verdict("clear", 0.0, why="no reference came near the image")
        strongest = max(signals, key=lambda signal: signal.evidence)
        closest = min(matches, key=lambda match: match.distances[strongest.name])
        return Verdict(
            label=max((signal.label for signal in signals), key=SEVERITY.index),
            score=strongest.evidence,
            signals=signals,
            matches=tuple(matches[:MATCHES]),
            why=self._why(strongest, closest),
        )

    def _why(self, signal: Signal, match: Match) -> str:
        kind: Label = "memorized" if signal.label == "memorized" else "similar"
        limit = signal.memorized if kind == "memorized" else signal.similar
        side = "beyond" if signal.label == "clear" else "within"
        view = " (mirrored)" if match.view == "mirrored" else ""
        rate = f" (FPR {self.rates[kind]:g})" if kind in self.rates else ""
        return (
            f"{signal.name} distance {signal.distance:.3g} to reference {match.uri}{view} is "
            f"{side} the {THRESHOLD_NAMES[kind]} threshold {limit:.3g}{rate}"
        )

    def _describe(self, pictures: Sequence[Picture]) -> dict[str, NDArray[Any]]:
        return {
            descriptor.spec.name: descriptor.describe(
                [descriptor.prepare(picture) for picture in pictures]
            )
            for descriptor in self.descriptors
        }

    def _candidates(
        self, pictures: Sequence[Picture], described: Mapping[str, NDArray[Any]]
    ) -> list[set[int]]:
        found: list[set[int]] = [set() for _ in pictures]
        for name, matrix in described.items():
            _, rows = self.index.search(name, matrix, NEIGHBOURS.get(name, OTHER_NEIGHBOURS))
            for i in range(len(pictures)):
                found[i].update(_valid(rows[i]))
        if self.thorough:
            for i, picture in enumerate(pictures):
                parts = [vlad(part) for part in _windows(picture)]
                if parts:
                    _, rows = self.index.search("vlad", np.stack(parts), WINDOW_NEIGHBOURS)
                    found[i].update(_valid(rows.reshape(-1)))
        return found

    def _compare(self, rows: Mapping[str, NDArray[Any]], record: Record) -> dict[str, float]:
        compared: dict[str, float] = {}
        for spec in self.index.specs:
            name, row, reference = spec.name, rows[spec.name], record.rows[spec.name]
            compared[name] = float(distances(spec, row, reference[None])[0])
            if name in NORMALISED:
                background = self.index.background(name)
                compared[f"{name}_normalised"] = normalised(row, reference, background)
        return compared

    def _match(self, record: Record, view: View, measured: dict[str, float]) -> Match:
        return Match(
            id=record.id,
            uri=record.uri,
            view=view,
            distances=measured,
            copies=self.index.copies(record.id),
            caption=record.caption,
        )

    def _evidence(self, match: Match) -> float:
        return max(
            (
                Signal(name, match.distances[name], limit.similar, limit.memorized).evidence
                for name, limit in self.thresholds.items()
                if name in match.distances
            ),
            default=0.0,
        )


def _valid(rows: NDArray[np.int64]) -> Iterable[int]:
    return (int(row) for row in rows if row >= 0)


def _closer(old: Match | None, new: Match, evidence: Any) -> Match:
    return new if old is None or evidence(new) > evidence(old) else old


def _windows(picture: Picture) -> Iterable[LocalFeatures]:
    """The local features inside each window of a picture, where there are enough."""
    features = picture.features
    height, width = picture.pixels.shape[:2]
    x, y = features.points.T / np.array([[width], [height]])
    for left, top, right, bottom in WINDOWS:
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        if inside.sum() >= FEWEST_FEATURES:
            yield LocalFeatures(features.points[inside], features.descriptors[inside])
