"""The actors of a Ray build: they read and describe chunks of items.

Each takes and returns batches of Ray Data, in which a row is a pickled chunk.
"""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Sequence
from typing import Any

from memguard.descriptors import load_descriptors
from memguard.descriptors.base import DescriptorSpec
from memguard.index.ingest.describe import describe
from memguard.index.ingest.reader import Readable, Unreadable, read
from memguard.sources.base import Item

CHUNK = "chunk"
"""The column of a batch."""

Results = list[Readable | Unreadable]


class Reader:
    """Reads chunks of items."""

    def __init__(self, specs: Sequence[DescriptorSpec]) -> None:
        self._prepare = {one.spec.name: one.prepare for one in load_descriptors(specs)}

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        chunks = [read(pickle.loads(chunk), self._prepare) for chunk in batch[CHUNK]]  # noqa: S301
        return {CHUNK: [pickle.dumps(_without_bytes(results)) for results in chunks]}


class Describer:
    """Adds the descriptors' vectors to what a :class:`Reader` returned."""

    def __init__(self, specs: Sequence[DescriptorSpec]) -> None:
        self._descriptors = load_descriptors(specs)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        chunks = [self._described(pickle.loads(chunk)) for chunk in batch[CHUNK]]  # noqa: S301
        return {CHUNK: [pickle.dumps(results) for results in chunks]}

    def _described(self, results: Results) -> Results:
        images = [one for one in results if isinstance(one, Readable)]
        records = iter(describe(self._descriptors, images))
        return [
            dataclasses.replace(one, prepared={}, vectors=next(records).vectors)
            if isinstance(one, Readable)
            else one
            for one in results
        ]


class ReaderAndDescriber:
    """Both in one actor, for clusters without GPUs."""

    def __init__(self, specs: Sequence[DescriptorSpec]) -> None:
        self._reader, self._describer = Reader(specs), Describer(specs)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        return self._describer(self._reader(batch))


def _without_bytes(results: Results) -> Results:
    """Results whose items no longer hold the bytes of the image files."""
    names = [field.name for field in dataclasses.fields(Item)]
    return [
        dataclasses.replace(one, item=Item(**{name: getattr(one.item, name) for name in names}))
        for one in results
    ]
