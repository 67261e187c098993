"""Worker processes that read and decode a build's images."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future

import loky

from memguard.descriptors.base import Prepare
from memguard.errors import BuildError
from memguard.index.ingest.reader import Readable, Unreadable, read
from memguard.sources.base import Item

CHUNK_ITEMS = 16
"""Items that a worker process gets at a time."""

CHUNKS_PER_WORKER = 4
"""Chunks that may wait for each worker, so that memory stays bounded."""

MAX_WORKERS = 16
"""Worker processes at most, unless the caller names a number."""


def read_in_workers(
    items: Iterator[Item], prepare: Mapping[str, Prepare], workers: int | None
) -> Iterator[list[Readable | Unreadable]]:
    """Read items in worker processes; chunks of results, in the order of the items.

    Items without pixels are read in this process: to hand them to another takes longer.

    Args:
        items: of a source.
        prepare: descriptor name to what prepares a picture for it.
        workers: number of processes; 0 for this one, None for one per core.

    Raises:
        BuildError: a worker process died.
    """
    chunks = iter(lambda: list(itertools.islice(items, CHUNK_ITEMS)), [])
    count = min(os.cpu_count() or 1, MAX_WORKERS) if workers is None else workers
    if count == 0:
        yield from (read(chunk, prepare) for chunk in chunks)
        return
    pool = loky.ProcessPoolExecutor(max_workers=count)
    waiting: deque[Future[list[Readable | Unreadable]]] = deque()
    try:
        for chunk in chunks:
            if any(item.has_pixels for item in chunk):
                waiting.append(pool.submit(read, chunk, prepare))
            else:
                waiting.append(_finished(read(chunk, prepare)))
            if len(waiting) >= count * CHUNKS_PER_WORKER:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except loky.BrokenProcessPool as error:
        raise BuildError(
            "a decoding process died (out of memory?). What was committed is kept: run the same "
            "command again, with fewer --workers"
        ) from error
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def _finished(results: list[Readable | Unreadable]) -> Future[list[Readable | Unreadable]]:
    future: Future[list[Readable | Unreadable]] = Future()
    future.set_result(results)
    return future
