"""A build whose images the machines of a Ray cluster read and describe.

A Ray Data pipeline replaces the builder's worker processes: chunks of items go in, and the same
results come out in the same order, with their vectors. The rest is the builder's, in this process:
what was seen before, what is a duplicate, and the commits, one after the other. So ids and rows are
those of a local build, and a killed build resumes in the same way.
"""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

from memguard._optional import require
from memguard.descriptors.base import DescriptorSpec
from memguard.errors import BuildError
from memguard.index.ingest.builder import ReadAhead
from memguard.index.ingest.ray_actors import (
    CHUNK,
    Describer,
    Reader,
    ReaderAndDescriber,
    Results,
)
from memguard.index.ingest.ray_queue import datasource, queue_of
from memguard.sources.base import Item

LOCAL = "local"
"""The address of a cluster that is started for the build, on this machine."""


def on_ray(address: str, specs: Sequence[DescriptorSpec]) -> ReadAhead:
    """A ``read_ahead`` for :func:`memguard.index.ingest.builder.build`.

    memguard, the images and the models' weights must be on every machine of the cluster, at the
    same paths. An actor takes one CPU. Where the cluster has GPUs, it takes one of these instead,
    and one task on each CPU decodes for them.

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
            with _connected(ray, address), _settings(data), queue_of(ray, items) as queue:
                for row in _pipeline(ray, data, queue, specs).iter_rows():
                    yield pickle.loads(row[CHUNK])  # noqa: S301, from our own actors
        except (ConnectionError, ray.exceptions.RayError) as error:
            raise BuildError(
                f"the Ray cluster at {address} failed ({error}). What was committed is kept: run "
                "the same command again, it resumes"
            ) from error

    return read_ahead


def _pipeline(ray: Any, data: Any, queue: Any, specs: Sequence[DescriptorSpec]) -> Any:
    chunks = data.read_datasource(datasource(data, queue), num_cpus=0, override_num_blocks=1)
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


@contextlib.contextmanager
def _connected(ray: Any, address: str) -> Iterator[None]:
    """A context with Ray; a cluster or connection that it starts ends with it."""
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
