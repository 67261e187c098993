"""The protocol of a descriptor: images in, vectors or bit strings out, in which copies are close.

A descriptor works in two steps so that a build can spread the first over processes:
``prepare`` turns one image into a small array (it is picklable and loads no model), ``describe``
turns a batch of those into vectors (it may hold a model and runs in the main process).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from memguard.errors import WeightsError
from memguard.signal_type import SignalType
from memguard.vision.picture import Picture

Metric = Literal["hamming", "cosine"]
"""``hamming``: differing bits. ``cosine``: 1 - cosine similarity, in [0, 2]."""

Prepare = Callable[[Picture], NDArray[Any]]


@dataclass(frozen=True)
class DescriptorSpec:
    """What an index records of a descriptor; specs are equal only if their vectors compare.

    Attributes:
        name: the descriptor's name, unique within an index.
        metric: see :data:`Metric`.
        dimension: bits for ``hamming``, components otherwise.
        model: the exact model or algorithm.
        preprocessing: what happens to an image before the model, in words and numbers.
        weights: where the builder found the weights (a hint, not part of the identity).
        weights_sha256: the weight file's fingerprint, or None without weights.
    """

    name: str
    metric: Metric
    dimension: int
    model: str
    preprocessing: str
    weights: str | None = dataclasses.field(default=None, compare=False)
    weights_sha256: str | None = None

    @property
    def width(self) -> int:
        """Bytes of a packed ``hamming`` vector, components of any other."""
        return self.dimension // 8 if self.metric == "hamming" else self.dimension


class Descriptor(Protocol):
    """What the registry, the builder and the detector need of a descriptor.

    Attributes:
        name: that of its spec, and of its entry in the registry.
        learned: whether it has weights (then it is a :class:`LearnedDescriptor`); one without
            is made with no arguments.
        signals: what its distances mean: the signal NAME, and NAME_normalised if score-normalised.
    """

    name: ClassVar[str]
    learned: ClassVar[bool]
    signals: ClassVar[tuple[SignalType, ...]]

    @property
    def spec(self) -> DescriptorSpec: ...

    @property
    def neighbours(self) -> int:
        """How many references it proposes for each view of a query."""
        ...

    @property
    def score_normalised(self) -> bool:
        """Whether the signal NAME_normalised (:mod:`memguard.detection.score_normalisation`) is
        measured too."""
        ...

    @property
    def describes_windows(self) -> bool:
        """Whether ``thorough`` checks describe parts of the query too."""
        ...

    @property
    def prepare(self) -> Prepare:
        """Picture -> array; picklable, so that worker processes can run it."""
        ...

    def describe(self, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """n prepared arrays -> vectors, uint8 (n, bits / 8) or float32 (n, dimension).

        Vectors of the ``cosine`` metric have unit length, or are 0 if the image shows nothing.
        """
        ...


class LearnedDescriptor(Descriptor, Protocol):
    """A descriptor that has weights."""

    @classmethod
    def from_weights(cls, weights: str) -> LearnedDescriptor:
        """The descriptor for a new index.

        Args:
            weights: which ones, in the descriptor's own notation; may be downloaded.

        Raises:
            ConfigurationError: the notation is wrong.
            WeightsError: the weights cannot be had, or do not load.
        """
        ...

    @classmethod
    def from_spec(cls, spec: DescriptorSpec, weights: str | None = None) -> LearnedDescriptor:
        """The descriptor of an existing index; downloads nothing.

        Args:
            spec: what the index records of it.
            weights: where the weights are now, if not where the builder found them.

        Raises:
            WeightsError: the weights are not there, or do not load.
        """
        ...


def describe(descriptor: Descriptor, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """The vectors of prepared images; see :meth:`Descriptor.describe`.

    Raises:
        WeightsError: some are not finite. They are near nothing, so copies would be clear.
    """
    vectors = descriptor.describe(prepared)
    if not np.isfinite(vectors).all():
        raise WeightsError(
            f"{descriptor.spec.name} gave vectors that are not finite: its weights are damaged, or "
            "overflow in their precision"
        )
    return vectors


def distances(
    spec: DescriptorSpec, query: NDArray[Any], vectors: NDArray[Any]
) -> NDArray[np.float32]:
    """Exact distances by brute force: the oracle of every search.

    Args:
        spec: whose metric applies.
        query: one vector, shape (width,).
        vectors: shape (n, width), of the same kind of dtype.

    Returns:
        float32 (n,), in the units of the metric.
    """
    if spec.metric == "hamming":
        return np.asarray(np.bitwise_count(vectors ^ query).sum(axis=1), dtype=np.float32)
    left, right = query.astype(np.float32, copy=False), vectors.astype(np.float32, copy=False)
    return np.asarray(1 - right @ left, dtype=np.float32)
