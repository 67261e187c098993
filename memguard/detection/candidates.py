"""Candidates: the references that some descriptor's nearest-neighbour search returns.

Each view of a query is described like a reference. Each descriptor then proposes its nearest
references; all that any view's vector finds are candidates of that view.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors import Descriptor
from memguard.descriptors.base import describe, distances
from memguard.descriptors.vlad import Vlad
from memguard.detection.score_normalisation import normalised
from memguard.detection.verification import number
from memguard.detection.views import features_of, views, windows
from memguard.index import Index
from memguard.index.record import Record
from memguard.stages import stage
from memguard.threads import ONE, Threads
from memguard.verdict import View
from memguard.vision.local_features import vlad
from memguard.vision.picture import Picture

WINDOW_NEIGHBOURS = 3
"""Neighbours searched for each window of a query. Chosen by hand: 5 windows of 3 views."""


@dataclass(frozen=True)
class QueryView:
    """One view of one query.

    Attributes:
        query: its place in the batch.
        view: how it is seen.
        picture: what is seen.
        vectors: descriptor name to vectors (1 + windows, width), the whole picture's first.
        window_vlads: the VLAD of the local features inside each window; none without VLAD.
    """

    query: int
    view: View
    picture: Picture
    vectors: dict[str, NDArray[Any]] = field(default_factory=dict)
    window_vlads: Sequence[NDArray[Any]] = ()


@stage("describe")
def described_views(
    queries: Sequence[Picture],
    descriptors: Sequence[Descriptor],
    *,
    thorough: bool,
    threads: Threads = ONE,
) -> list[QueryView]:
    """The views of all queries with their vectors, each descriptor in one batch.

    Args:
        queries: the batch.
        descriptors: those of the index.
        thorough: see :func:`memguard.detection.views.views`; also describe windows.
        threads: which prepare the queries.

    Raises:
        WeightsError: a descriptor gives vectors that are not finite.
    """
    sums_up = thorough and any(one.spec.name == Vlad.name for one in descriptors)

    def prepare(query: int) -> list[tuple[QueryView, list[list[NDArray[Any]]]]]:
        """The views of one query, and for each descriptor what it describes of them."""
        prepared = []
        for view, picture in views(queries[query], thorough=thorough).items():
            parts = windows(picture) if thorough and view == "as is" else ()
            sums = [vlad(part) for part in features_of(picture)] if sums_up else ()
            arrays = [
                [one.prepare(seen) for seen in (picture, *(parts if one.describes_windows else ()))]
                for one in descriptors
            ]
            prepared.append((QueryView(query, view, picture, window_vlads=sums), arrays))
        return prepared

    prepared = [one for each in threads.each(prepare, range(len(queries))) for one in each]
    for at, descriptor in enumerate(descriptors if prepared else ()):
        arrays = [of_view[at] for _, of_view in prepared]
        matrix = describe(descriptor, [array for of_view in arrays for array in of_view])
        ends = np.cumsum([len(of_view) for of_view in arrays])[:-1]
        for (one, _), vectors in zip(prepared, np.split(matrix, ends), strict=True):
            one.vectors[descriptor.spec.name] = vectors
    return [one for one, _ in prepared]


@stage("search")
def search(
    index: Index, descriptors: Sequence[Descriptor], queries: Sequence[QueryView], extra: int
) -> list[set[int]]:
    """The rows of each view's candidates.

    Args:
        index: the training set.
        descriptors: those of the index.
        queries: described views.
        extra: neighbours searched for whole pictures besides each descriptor's usual number.
    """
    found: list[set[int]] = [set() for _ in queries]

    def propose(name: str, vectors: Sequence[tuple[int, NDArray[Any]]], neighbours: int) -> None:
        """Zero vectors have no neighbours."""
        shown = [(i, vector) for i, vector in vectors if vector.any()]
        if shown:
            _, nearest = index.search(name, np.stack([vector for _, vector in shown]), neighbours)
            for (i, _), rows in zip(shown, nearest.tolist(), strict=True):
                found[i].update(row for row in rows if row >= 0)

    for descriptor in descriptors:
        name = descriptor.spec.name
        whole = [(i, one.vectors[name][0]) for i, one in enumerate(queries)]
        propose(name, whole, descriptor.neighbours + extra)
        parts = [(i, part) for i, one in enumerate(queries) for part in one.vectors[name][1:]]
        propose(name, parts, WINDOW_NEIGHBOURS)
        if name == Vlad.name:
            parts = [(i, part) for i, one in enumerate(queries) for part in one.window_vlads]
            propose(name, parts, WINDOW_NEIGHBOURS)
    return found


@stage("compare")
def compare_vectors(
    index: Index,
    descriptors: Sequence[Descriptor],
    vectors: Mapping[str, NDArray[Any]],
    records: Sequence[Record],
) -> list[dict[str, float]]:
    """The smallest distance of a view's vectors to each record, by descriptor signal.

    Raises:
        ValueError: a distance is NaN.
    """
    compared: list[dict[str, float]] = [{} for _ in records]
    for descriptor in descriptors:
        spec = descriptor.spec
        name, queries = spec.name, vectors[spec.name]
        held = [i for i, record in enumerate(records) if name in record.vectors]
        if not held:
            continue
        references = np.stack([records[i].vectors[name] for i in held])
        columns = {name: np.stack([distances(spec, query, references) for query in queries])}
        if descriptor.score_normalised:
            background = index.background(name)
            columns[f"{name}_normalised"] = normalised(queries, references, background)
        for signal, column in columns.items():
            for i, value in zip(held, column.min(axis=0).tolist(), strict=True):
                compared[i][signal] = number(signal, value)
    return compared
