"""A build whose images are read and described by the machines of a Ray cluster.

A Ray Data pipeline takes the place of the builder's own worker processes: chunks of items go in,
the same results come out in the same order, each with its descriptors' rows. Everything else is
the builder's: what was seen before, what is a duplicate, and the commits, which this process makes
one after the other. So ids and rows are those of a local build, and a killed one resumes likewise.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pickle
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from memguard._optional import require
from memguard.descriptors import load_descriptors
from memguard.descriptors.base import DescriptorSpec
from memguard.errors import BuildError
from memguard.index.ingest.builder import ReadAhead
from memguard.index.ingest.describe import describe
from memguard.index.ingest.reader import Readable, Unreadable, read
from memguard.sources.base import Item

LOCAL = "local"
"""The address of a cluster that is started for the build, on this machine."""

CHUNK = 32
"""Images that an actor reads and describes at a time."""

WAITING = 16
"""Chunks that may wait to be read, so that memory stays bounded."""

PATIENCE = 1.0
"""Seconds between looks at whether a build that waits has been given up."""

Results = list[Readable | Unreadable]


def on_ray(address: str, specs: Sequence[DescriptorSpec]) -> ReadAhead:
    """What :func:`memguard.index.ingest.builder.build` takes as ``read_ahead``.

    memguard, the images and the models' weights must be at hand on every machine of the cluster,
    by the same paths. An actor takes one CPU; where the cluster has GPUs, it takes one of these
    instead, and as many tasks as there are CPUs decode for them.

    Args:
        address: ``local``, ``auto`` (the cluster that this machine belongs to), ``HOST:PORT`` or
            ``ray://HOST:PORT``.
        specs: of the descriptors to compute.

    Raises (when it is called):
        ConfigurationError: Ray is not installed.
        BuildError: there is no such cluster, or its tasks failed too often.
    """

    def read_ahead(items: Iterator[Item]) -> Iterator[Results]:
        ray, data = require("ray", extra="ray"), require("ray.data", extra="ray")
        try:
            with _connected(ray, address), _settings(data), _fed(ray, items) as queue:
                for row in _pipeline(ray, data, queue, specs).iter_rows():
                    yield pickle.loads(row["chunk"])  # noqa: S301, from our own actors
        except (ConnectionError, ray.exceptions.RayError) as error:
            raise BuildError(
                f"the Ray cluster at {address} failed ({error}). What was committed is kept: run "
                "the same command again, it resumes"
            ) from error

    return read_ahead


class Reader:
    """Reads chunks of items, each a row of a pipeline's batch: pickled items in, results out."""

    def __init__(self, specs: Sequence[DescriptorSpec]) -> None:
        self._prepare = {one.spec.name: one.prepare for one in load_descriptors(specs)}

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        chunks = [read(pickle.loads(chunk), self._prepare) for chunk in batch["chunk"]]  # noqa: S301
        return {"chunk": [pickle.dumps(_lighter(results)) for results in chunks]}


class Describer:
    """Adds the descriptors' rows to what a :class:`Reader` gave."""

    def __init__(self, specs: Sequence[DescriptorSpec]) -> None:
        self._descriptors = load_descriptors(specs)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        chunks = [self._with_rows(pickle.loads(chunk)) for chunk in batch["chunk"]]  # noqa: S301
        return {"chunk": [pickle.dumps(results) for results in chunks]}

    def _with_rows(self, results: Results) -> Results:
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


def _lighter(results: Results) -> Results:
    """Without the bytes of the image files, which nobody needs any more."""
    names = [field.name for field in dataclasses.fields(Item)]
    return [
        dataclasses.replace(one, item=Item(**{name: getattr(one.item, name) for name in names}))
        for one in results
    ]


def _pipeline(ray: Any, data: Any, queue: Any, specs: Sequence[DescriptorSpec]) -> Any:
    chunks = data.read_datasource(_source(data, queue), num_cpus=0, override_num_blocks=1)
    resources = ray.cluster_resources()
    cpus, gpus = int(resources.get("CPU", 1)), int(resources.get("GPU", 0))

    def stage(before: Any, actor: type, most: int, **needs: float) -> Any:
        return before.map_batches(
            actor,
            fn_constructor_args=[list(specs)],
            batch_size=1,
            compute=data.ActorPoolStrategy(min_size=1, max_size=max(most, 1)),
            **needs,
        )

    if not gpus:
        return stage(chunks, ReaderAndDescriber, cpus, num_cpus=1)
    return stage(stage(chunks, Reader, cpus, num_cpus=1), Describer, gpus, num_gpus=1)


def _source(data: Any, queue: Any) -> Any:
    """The queue's chunks as a source of Ray Data: one task, which waits for them."""
    import pyarrow

    def chunks() -> Iterator[Any]:
        while (chunk := queue.get()) is not None:
            yield pyarrow.table({"chunk": pyarrow.array([chunk], pyarrow.large_binary())})

    class Chunks(data.Datasource):  # type: ignore[misc]
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[Any]:
            unknown = data.block.BlockMetadata(
                num_rows=None, size_bytes=None, input_files=None, exec_stats=None
            )
            return [data.ReadTask(chunks, unknown)]

    return Chunks()


@contextlib.contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """With Ray; what was not running before ends afterwards."""
    if ray.is_initialized():
        yield
        return
    quiet = {"logging_level": "ERROR", "log_to_driver": False}
    if address == LOCAL:
        ray.init(address=LOCAL, include_dashboard=False, _node_ip_address="127.0.0.1", **quiet)
    else:
        ray.init(address=address, **quiet)
    try:
        yield
    finally:
        ray.shutdown()


@contextlib.contextmanager
def _settings(data: Any) -> Iterator[None]:
    """Results in the order of the items, and a block for every chunk, so that none waits."""
    context = data.DataContext.get_current()
    before = (
        context.execution_options.preserve_order,
        context.target_max_block_size,
        context.enable_progress_bars,
    )
    context.execution_options.preserve_order = True
    context.target_max_block_size, context.enable_progress_bars = 1, False
    try:
        yield
    finally:
        context.execution_options.preserve_order = before[0]
        context.target_max_block_size, context.enable_progress_bars = before[1:]


@contextlib.contextmanager
def _fed(ray: Any, items: Iterator[Item]) -> Iterator[Any]:
    """A queue that a thread fills with pickled chunks of items, and None at their end.

    An error of the source is raised when everything before it has come out.
    """
    from ray.util.queue import Full, Queue

    queue = Queue(maxsize=WAITING, actor_options={"num_cpus": 0})
    given_up = threading.Event()
    failures: list[BaseException] = []

    def put(chunk: bytes | None) -> None:
        waiting = True
        while waiting and not given_up.is_set():
            with contextlib.suppress(Full):
                queue.put(chunk, timeout=PATIENCE)
                waiting = False

    def feed() -> None:
        try:
            while chunk := list(itertools.islice(items, CHUNK)):
                put(ray.cloudpickle.dumps(chunk))
                if given_up.is_set():
                    return
        except BaseException as error:
            failures.append(error)
        put(None)

    thread = threading.Thread(target=feed, daemon=True)
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
