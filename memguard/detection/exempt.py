"""Exempt references: who is one, and how the search goes on behind them.

A reference that does not count must not take the place of one that does: each descriptor proposes
only its nearest few.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from memguard.descriptors import Descriptor
from memguard.detection.candidates import QueryView, search
from memguard.index import Index
from memguard.index.record import Record
from memguard.verdict import Exemption


def exempt_among(
    records: Collection[Record], exempt: Mapping[str, Exemption]
) -> dict[str, Exemption]:
    """Id to exemption, of those of these records that are exempt.

    Args:
        records: candidates.
        exempt: id to exemption of the references that were named. Records with the thumbnail of
            one of them, byte for byte, are exempt too.
    """
    named = {one.id: exempt[one.id] for one in records if one.id in exempt}
    thumbnails = {one.thumbnail: named[one.id] for one in records if one.id in named}
    thumbnails.pop(None, None)
    twins = {one.id: thumbnails[one.thumbnail] for one in records if one.thumbnail in thumbnails}
    return twins | named


def search_counting(
    index: Index,
    counted: Index,
    descriptors: Sequence[Descriptor],
    queried: Sequence[QueryView],
    extra: int,
    exempt: Mapping[str, Exemption],
) -> tuple[list[set[int]], dict[int, Record]]:
    """The rows of each view's candidates, and the records of all of them.

    A view that has exempt candidates also has those that it would have without them.

    Args:
        index: the training set.
        counted: the same without the references that are named as exempt.
        descriptors, queried, extra: see :func:`memguard.detection.candidates.search`.
        exempt: see :func:`exempt_among`.
    """
    records: dict[int, Record] = {}

    def take(rows: set[int]) -> None:
        wanted = sorted(rows - records.keys())
        records.update(zip(wanted, index.take(wanted), strict=True))

    candidates = search(index, descriptors, queried, extra)
    take(set().union(*candidates))
    passed_over: set[str] = set()
    while fresh := exempt_among(records.values(), exempt).keys() - passed_over:
        if twins := fresh - exempt.keys():
            counted = counted.excluding(twins)
        rows = {row for row, record in records.items() if record.id in fresh}
        views = [at for at, found in enumerate(candidates) if found & rows]
        behind = search(counted, descriptors, [queried[at] for at in views], extra)
        for at, found in zip(views, behind, strict=True):
            candidates[at] |= found
        take(set().union(*behind))
        passed_over |= fresh
    return candidates, records
