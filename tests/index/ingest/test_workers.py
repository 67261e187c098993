"""Worker processes: every item gives its result, in order."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from memguard.descriptors.phash import PHash
from memguard.index.ingest import workers
from memguard.index.ingest.reader import Readable, read
from memguard.index.ingest.workers import read_in_workers
from memguard.sources import Folder, Item

PREPARE = {"phash64": PHash(8).prepare}


@pytest.mark.parametrize("count", [0, 2])
def test_results_come_in_the_order_of_the_items(
    folder: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "CHUNK_ITEMS", 5)
    (folder / "0004.jpg").write_bytes(b"no image")
    items = list(Folder(folder).iterate())
    chunks = list(read_in_workers(iter(items), PREPARE, count))
    assert [len(chunk) for chunk in chunks] == [5, 5, 5, 5, 4]
    results = [result for chunk in chunks for result in chunk]
    assert [result.item.uri for result in results] == [item.uri for item in items]
    for result, expected in zip(results, read(items, PREPARE), strict=True):
        assert type(result) is type(expected)
        if isinstance(result, Readable) and isinstance(expected, Readable):
            assert (result.id, result.thumbnail) == (expected.id, expected.thumbnail)
            np.testing.assert_array_equal(result.prepared["phash64"], expected.prepared["phash64"])


def test_no_more_is_read_ahead_than_may_wait(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CHUNK_ITEMS", 1)
    monkeypatch.setattr(workers, "CHUNKS_PER_WORKER", 3)
    given = 0

    def counted() -> Iterator[Item]:
        nonlocal given
        for item in Folder(folder).iterate():
            given += 1
            yield item

    results = read_in_workers(counted(), PREPARE, 1)
    next(results)
    assert given == 3
    results.close()


@dataclass(frozen=True, kw_only=True)
class Bound(Item):
    """An item that no other process can be given: it holds a lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)


def test_items_without_pixels_are_read_in_this_process() -> None:
    vector = np.array([0.6, 0.8], np.float32)
    items = [Bound(uri=f"{i}", state="1", vectors={"clip": vector}) for i in range(40)]
    chunks = list(read_in_workers(iter(items), {}, 1))
    assert [result.item for chunk in chunks for result in chunk] == items
