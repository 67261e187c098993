"""``@guarded(index=...)``: functions and methods whose images are checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from memguard.errors import ConfigurationError
from memguard.index import Index
from memguard.pipelines.guard import Guard, IndexLike, Options
from memguard.pipelines.guarded import Guarded
from memguard.settings import configured_index

if TYPE_CHECKING:
    from typing_extensions import Unpack

P = ParamSpec("P")
R = TypeVar("R")


class Decorator(Protocol):
    """Makes a function or method a guarded one."""

    def __call__(self, function: Callable[P, R], /) -> Guarded[P, R]: ...


def guarded(index: IndexLike | None = None, **options: Unpack[Options]) -> Decorator:
    """Guard the function or method below: ``guard`` as a decorator.

        @guarded(index="training.memguard")
        def generate(prompt): ...

    The index is opened at once. Several functions share one guard with ``@watch.wrap``, where
    ``watch = Guard("training.memguard")``.

    Args:
        index, options: those of :func:`memguard.guard`.

    Raises:
        ConfigurationError, IndexUnavailableError, WeightsError, CalibrationError: see
            :func:`memguard.guard`.
    """
    if callable(index) and not isinstance(index, Index):
        raise ConfigurationError(
            'the decorator takes the index: @guarded(index="training.memguard"), or @guarded() '
            "for the index of the settings"
        )
    return Guard(configured_index() if index is None else index, **options).wrap
