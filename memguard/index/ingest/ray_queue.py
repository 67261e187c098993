"""The queue through which a Ray build's items reach the cluster."""

from __future__ import annotations

import contextlib
import itertools
import threading
from collections.abc import Iterator
from typing import Any

from memguard.index.ingest.ray_actors import CHUNK
from memguard.sources.base import Item

CHUNK_ITEMS = 32
"""Items that an actor reads and describes at a time."""

MAX_WAITING_CHUNKS = 16
"""Chunks that may wait in the queue, so that memory stays bounded."""

GIVEN_UP_SECONDS = 1.0
"""How often a full queue looks at whether the build has been given up."""


@contextlib.contextmanager
def queue_of(ray: Any, items: Iterator[Item]) -> Iterator[Any]:
    """A queue that a thread fills with pickled chunks of items, and None at their end.

    An error of the source is raised when all chunks before it have come out. Items of the chunk in
    which it occurs are lost, to be read again by the next build.
    """
    from ray.util.queue import Full, Queue

    queue = Queue(maxsize=MAX_WAITING_CHUNKS, actor_options={"num_cpus": 0})
    given_up = threading.Event()
    failures: list[BaseException] = []

    def put(chunk: bytes | None) -> None:
        waiting = True
        while waiting and not given_up.is_set():
            with contextlib.suppress(Full):
                queue.put(chunk, timeout=GIVEN_UP_SECONDS)
                waiting = False

    def fill() -> None:
        try:
            while chunk := list(itertools.islice(items, CHUNK_ITEMS)):
                put(ray.cloudpickle.dumps(chunk))
                if given_up.is_set():
                    return
        except BaseException as error:
            failures.append(error)
        put(None)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield queue
        thread.join()
        if failures:
            raise failures[0]
    finally:
        given_up.set()
        thread.join()
        queue.shutdown(force=True)


def datasource(data: Any, queue: Any) -> Any:
    """The queue's chunks as a source of Ray Data: one task, which waits for them."""
    import pyarrow

    def chunks() -> Iterator[Any]:
        while (chunk := queue.get()) is not None:
            yield pyarrow.table({CHUNK: pyarrow.array([chunk], pyarrow.large_binary())})

    class Chunks(data.Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[Any]:
            unknown = data.block.BlockMetadata(
                num_rows=None, size_bytes=None, input_files=None, exec_stats=None
            )
            return [data.ReadTask(chunks, unknown)]

    return Chunks()
