"""Images in, verdicts out: describe, search, verify, decide.

query -> views -> descriptors -> nearest references of each -> candidates -> verification
      -> the smallest distance in each signal, against its thresholds -> verdict
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from memguard.descriptors import Descriptor
from memguard.descriptors.base import distances
from memguard.images import to_rgb, to_square
from memguard.index import Index
from memguard.index.store import Record
from memguard.thresholds import LITERATURE, Threshold
from memguard.verdict import Match, Signal, Verdict, View
from memguard.verification import l2, tiled_l2

NEIGHBOURS = 5
"""References that each descriptor proposes for each view of a query."""

MATCHES = 5
"""Matches that a verdict shows."""

SIDE = 128
"""Side of the square on which pixel distances are measured: 16 tiles of 32 px."""

BLANK_STD = 0.02
"""An image whose levels' standard deviation is below this (5 of 255) shows nothing: such images
resemble each other and prove no copying."""


class Detector:
    """Decides whether images copy references of an index.

    Args:
        index: the training set.
        descriptors: those of the index, loaded (:func:`memguard.descriptors.load_descriptors`).
        thresholds: signal name to thresholds; signals without any are measured and shown only.
    """

    def __init__(
        self,
        index: Index,
        descriptors: Sequence[Descriptor],
        thresholds: Mapping[str, Threshold] = LITERATURE,
    ) -> None:
        self.index = index
        self.descriptors = descriptors
        self.thresholds = thresholds

    def detect(self, images: Sequence[Image.Image]) -> list[Verdict]:
        """One verdict per image, in order; images of any mode and size."""
        if not images:
            return []
        queries = [to_rgb(image) for image in images]
        views: dict[View, list[Image.Image]] = {
            "as is": queries,
            "mirrored": [ImageOps.mirror(query) for query in queries],
        }
        described = {
            descriptor.spec.name: self._describe(descriptor, views)
            for descriptor in self.descriptors
        }
        candidates = self._candidates(described, len(queries))
        verdicts = []
        for i, query in enumerate(queries):
            if is_blank(query):
                verdicts.append(Verdict("uninformative", float("inf"), why="the image is blank"))
                continue
            rows = {
                view: {name: matrices[view][i] for name, matrices in described.items()}
                for view in views
            }
            pictures = {view: to_square(images[i], SIDE) for view, images in views.items()}
            records = self.index.take(candidates[i])
            verdicts.append(self._decide(self._compare(rows, pictures, records)))
        return verdicts

    def _describe(
        self, descriptor: Descriptor, views: Mapping[View, Sequence[Image.Image]]
    ) -> dict[View, NDArray[Any]]:
        prepared = [descriptor.prepare(image) for images in views.values() for image in images]
        matrices = np.split(descriptor.describe(prepared), len(views))
        return dict(zip(views, matrices, strict=True))

    def _candidates(
        self, described: Mapping[str, Mapping[View, NDArray[Any]]], count: int
    ) -> list[list[int]]:
        found: list[set[int]] = [set() for _ in range(count)]
        for name, matrices in described.items():
            for matrix in matrices.values():
                _, rows = self.index.search(name, matrix, NEIGHBOURS)
                for i in range(count):
                    found[i].update(int(row) for row in rows[i] if row >= 0)
        return [sorted(rows) for rows in found]

    def _compare(
        self,
        rows: Mapping[View, Mapping[str, NDArray[Any]]],
        pictures: Mapping[View, NDArray[np.float32]],
        records: Sequence[Record],
    ) -> list[Match]:
        """Every candidate with its exact distance in every signal, from its closer view."""
        thumbnails = np.stack([to_square(record.picture(), SIDE) for record in records])
        matrices = {
            spec.name: np.stack([record.rows[spec.name] for record in records])
            for spec in self.index.specs
        }
        measured: dict[View, dict[str, NDArray[np.float32]]] = {
            view: {
                "l2": l2(pictures[view], thumbnails),
                "tiled_l2": tiled_l2(pictures[view], thumbnails),
                **{
                    spec.name: distances(spec, rows[view][spec.name], matrices[spec.name])
                    for spec in self.index.specs
                },
            }
            for view in rows
        }
        matches = []
        for j, record in enumerate(records):
            view = min(measured, key=lambda view: float(measured[view]["l2"][j]))
            matches.append(
                Match(
                    id=record.id,
                    uri=record.uri,
                    view=view,
                    distances={name: float(values[j]) for name, values in measured[view].items()},
                    copies=self.index.copies(record.id),
                    caption=record.caption,
                )
            )
        return matches

    def _decide(self, matches: Sequence[Match]) -> Verdict:
        signals = tuple(
            Signal(
                name,
                min(match.distances[name] for match in matches),
                threshold.similar,
                threshold.memorized,
            )
            for name, threshold in self.thresholds.items()
            if all(name in match.distances for match in matches)
        )
        ordered = sorted(matches, key=self._closeness)
        strongest = min(signals, key=ratio)
        return Verdict(
            label=max((signal.label for signal in signals), key=SEVERITY.index),
            score=ratio(strongest),
            signals=signals,
            matches=tuple(ordered[:MATCHES]),
            why=_why(strongest, min(matches, key=lambda match: match.distances[strongest.name])),
        )

    def _closeness(self, match: Match) -> float:
        return min(
            match.distances[name] / (threshold.memorized or threshold.similar)
            for name, threshold in self.thresholds.items()
            if name in match.distances
        )


SEVERITY = ("clear", "similar", "memorized")


def is_blank(image: Image.Image) -> bool:
    """Whether an RGB image shows next to nothing (:data:`BLANK_STD`)."""
    small = np.asarray(image.resize((32, 32), Image.Resampling.BOX), dtype=np.float32) / 255
    return float(small.std(axis=(0, 1)).max()) < BLANK_STD


def ratio(signal: Signal) -> float:
    """Distance in units of the block threshold, or of the flag threshold scaled out of reach."""
    if signal.memorized is not None:
        return signal.distance / signal.memorized
    return 1 + signal.distance / signal.similar


def _why(signal: Signal, match: Match) -> str:
    limit = signal.memorized if signal.label == "memorized" else signal.similar
    side = "above" if signal.label == "clear" else "within"
    kind = "block" if signal.label == "memorized" else "flag"
    mirrored = ", mirrored," if match.view == "mirrored" else ""
    return (
        f"{signal.name} distance {signal.distance:.3g} to {match.uri}{mirrored} is {side} the "
        f"{kind} threshold {limit:.3g}"
    )
