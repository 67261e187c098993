"""A descriptor around another one, for subclasses that observe or remember what it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from numpy.typing import NDArray

from memguard.descriptors.base import Descriptor
from memguard.signal_type import SignalType


class WrappedDescriptor:
    """Like `inner` in everything; the registry never sees it, so the class has no name there."""

    name: ClassVar[str] = ""
    learned: ClassVar[bool] = False
    signals: ClassVar[tuple[SignalType, ...]] = ()

    def __init__(self, inner: Descriptor) -> None:
        self.inner = inner
        self.spec = inner.spec
        self.signals = inner.signals  # type: ignore[misc]
        self.neighbours = inner.neighbours
        self.score_normalised = inner.score_normalised
        self.describes_windows = inner.describes_windows
        self.prepare = inner.prepare

    def describe(self, prepared: Sequence[NDArray[Any]]) -> NDArray[Any]:
        return self.inner.describe(prepared)
