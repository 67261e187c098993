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
        measured = iter(self.measure([picture for picture in pictures if not picture.is_blank]))
        return [
            Verdict("uninformative", 0.0, why="the image is blank")
            if picture.is_blank
            else self.decide(next(measured))
            for picture in pictures
        ]

    def measure(self, queries: Sequence[Picture], deeper: int = 0) -> list[list[Match]]:
        """Every candidate of every query, with its distance in every signal.

        Args:
            queries: none of them blank.
            deeper: so many more references than usual are proposed by each descriptor.
        """
        if not queries:
            return []
        views: dict[View, list[Picture]] = {
            "as is": list(queries),
            "mirrored": [query.mirrored() for query in queries],
        }
        described = {view: self._describe(pictures) for view, pictures in views.items()}
        parts = self._describe_parts(queries) if self.thorough else {}
        candidates = {
            view: self._candidates(pictures, described[view], deeper)
            for view, pictures in views.items()
        }
        for name, embedded in parts.items():
            for i, nearest in enumerate(self._nearest(name, embedded, WINDOW_NEIGHBOURS)):
                candidates["as is"][i].update(nearest)
        wanted = sorted(set().union(*(rows for lists in candidates.values() for rows in lists)))
        records = dict(zip(wanted, self.index.take(wanted), strict=True))
        references = {row: r.picture() for row, r in records.items() if r.has_pixels}
        blank = {row for row, record in records.items() if record.blank}
        matches: list[list[Match]] = []
        for i in range(len(queries)):
            seen: dict[str, list[Match]] = {}
            for view, pictures in views.items():
                rows = {name: matrix[i][None] for name, matrix in described[view].items()}
                for name in parts if view == "as is" else ():
                    rows[name] = np.concatenate([rows[name], parts[name][i]])
                near = sorted(candidates[view][i] - blank)
                compared = self._compare(rows, [records[row] for row in near])
                for row, distances_of in zip(near, compared, strict=True):
                    record = records[row]
                    measured = distances_of
                    if record.has_pixels:
                        measured = measure(pictures[i], references[row]) | measured
                    seen.setdefault(record.id, []).append(self._match(record, view, measured))
            closest = [max(views_of, key=self._evidence) for views_of in seen.values()]
            matches.append(sorted(closest, key=self._evidence, reverse=True))
        return matches

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
        strongest = max(signals, key=lambda signal: signal.evidence)
        closest = min(
            (match for match in matches if strongest.name in match.distances),
            key=lambda match: match.distances[strongest.name],
        )
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
        self, pictures: Sequence[Picture], described: Mapping[str, NDArray[Any]], deeper: int
    ) -> list[set[int]]:
        found: list[set[int]] = [set() for _ in pictures]
        for name, matrix in described.items():
            neighbours = NEIGHBOURS.get(name, OTHER_NEIGHBOURS) + deeper
            for i, nearest in enumerate(self._nearest(name, matrix[:, None], neighbours)):
                found[i].update(nearest)
        if self.thorough:
            for i, picture in enumerate(pictures):
                sums = [vlad(part) for part in _windows(picture)]
                if sums:
                    found[i].update(*self._nearest("vlad", np.stack(sums)[None], WINDOW_NEIGHBOURS))
        return found

    def _nearest(self, name: str, rows: NDArray[Any], neighbours: int) -> list[set[int]]:
        """The neighbours of each query's rows, given as (queries, rows a query, width)."""
        queries, each, width = rows.shape
        _, found = self.index.search(name, rows.reshape(-1, width), neighbours)
        return [
            {int(row) for row in nearest if row >= 0}
            for nearest in found.reshape(queries, each * found.shape[1])
        ]

    def _describe_parts(self, queries: Sequence[Picture]) -> dict[str, NDArray[Any]]:
        """Embeddings of each query's windows, shape (queries, windows, width)."""
        parts = [Picture(_cut(query.image, box)) for query in queries for box in WINDOWS]
        return {
            descriptor.spec.name: descriptor.describe(
                [descriptor.prepare(part) for part in parts]
            ).reshape(len(queries), len(WINDOWS), -1)
            for descriptor in self.descriptors
            if descriptor.spec.name in NORMALISED
        }

    def _compare(
        self, rows: Mapping[str, NDArray[Any]], records: Sequence[Record]
    ) -> list[dict[str, float]]:
        """The smallest distance of a query's rows to each record, in every descriptor."""
        compared: list[dict[str, float]] = [{} for _ in records]
        for spec in self.index.specs:
            name, queries = spec.name, rows[spec.name]
            held = [i for i, record in enumerate(records) if name in record.rows]
            if not held:
                continue
            references = np.stack([records[i].rows[name] for i in held])
            columns = {name: np.stack([distances(spec, row, references) for row in queries])}
            if name in NORMALISED:
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
            copies=record.copies,
            duplicates=record.duplicates,
            caption=record.caption,
            rights=record.rights,
            url=record.url,
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


def _cut(image: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    """The part of an image inside a window, given in shares."""
    left, top, right, bottom = box
    width, height = image.size
    return image.crop(
        (
            int(left * width),
            int(top * height),
            max(int(right * width), int(left * width) + 1),
            max(int(bottom * height), int(top * height) + 1),
        )
    )


def _windows(picture: Picture) -> Iterable[LocalFeatures]:
    """The local features inside each window of a picture, where there are enough."""
    features = picture.features
    height, width = picture.pixels.shape[:2]
    x, y = features.points.T / np.array([[width], [height]])
    for left, top, right, bottom in WINDOWS:
        inside = (x >= left) & (x < right) & (y >= top) & (y < bottom)
        if inside.sum() >= FEWEST_FEATURES:
            yield LocalFeatures(features.points[inside], features.descriptors[inside])
