"""What ``guard`` gives, for type checkers and ``isinstance``: a pipeline with its guard."""

from __future__ import annotations

import functools
import types
from abc import ABC, abstractmethod
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
)
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    overload,
)

from memguard.index import Health, Index
from memguard.pipelines import deferred, overlap
from memguard.pipelines.call import Call
from memguard.pipelines.inputs import Images
from memguard.pipelines.policy import Policy
from memguard.verdict import Verdict

if TYPE_CHECKING:
    from typing_extensions import Self

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
Rest = ParamSpec("Rest")
Instance = TypeVar("Instance")

Pair = tuple[R, list[Verdict]]
"""An output and its verdicts."""


class Function(Protocol[P, R_co]):
    """A function or method: a callable that has a name."""

    @property
    def __name__(self) -> str: ...

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...


class Dynamic(Protocol):
    """A callable object whose attributes are not known to type checkers, as in ``diffusers``."""

    def __getattr__(self, name: str, /) -> Any: ...

    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class CallGuard(ABC):
    """A guard, as a guarded pipeline knows it: :class:`memguard.Guard`."""

    policy: Policy

    @property
    @abstractmethod
    def index(self) -> Index: ...

    @property
    @abstractmethod
    def last_verdicts(self) -> tuple[Verdict, ...]: ...

    @abstractmethod
    def remember(self, verdicts: tuple[Verdict, ...] | None) -> None:
        """Make these :attr:`last_verdicts`, in this thread or asyncio task; None for none yet."""

    @abstractmethod
    def reload(self) -> Index: ...

    @abstractmethod
    def health(self) -> Health: ...

    @abstractmethod
    def check(self, images: Images, *, allow: Images = ()) -> list[Verdict]: ...

    @abstractmethod
    def wrap(self, pipeline: Any) -> Any: ...

    @abstractmethod
    def run(self, pipeline: Any, call: Call) -> Any:
        """Run a pipeline's call, check what it returns, apply the policy."""

    @overload
    def call(  # type: ignore[overload-overlap]
        self, pipeline: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, Pair[R]]: ...

    @overload
    def call(  # type: ignore[overload-overlap]
        self, pipeline: Callable[P, AsyncIterator[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[Pair[R]]: ...

    @overload
    def call(  # type: ignore[overload-overlap]
        self, pipeline: Callable[P, Iterator[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Iterator[Pair[R]]: ...

    @overload
    def call(self, pipeline: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Pair[R]: ...

    def call(self, pipeline: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a pipeline, guarded, and give the verdicts with the output.

        Verdicts cannot get lost so, whichever thread or task the call runs in:
        ``await asyncio.to_thread(pipe.guard.call, pipe, "a cat")``.

        Args:
            pipeline: guarded or not.
            args, kwargs: of the call.

        Returns:
            The output, and a list of its verdicts. Of a coroutine function, a coroutine that gives
            them; of a generator, a generator of such pairs.

        Raises:
            ConfigurationError: see :meth:`wrap`.
        """
        inner = guard_within(pipeline)
        guarded = self.wrap(pipeline) if inner is None else pipeline
        returned = guarded(*args, **kwargs)
        return deferred.together(returned, lambda: list((inner or self).last_verdicts))

    def each(
        self, pipeline: Callable[..., R], calls: Iterable[Mapping[str, Any]]
    ) -> Iterator[Pair[R]]:
        """Call a pipeline, guarded, once for each of these calls; each is checked while the next
        one generates.

        The pipeline runs in the caller's thread, also where an image is generated again; checks run
        in a thread of their own, on copies of the outputs, which are also what is handed out. An
        output comes when the call after it has been generated. If its check raises, that call is
        checked and recorded too, and handed to nobody.

        Args:
            pipeline: guarded or not.
            calls: of each call, its arguments by name; read as they are needed.

        Returns:
            By call, in order, its output and the verdicts.

        Raises:
            ConfigurationError: see :meth:`wrap`; a call is no mapping, or returns a coroutine or
                a generator.
            What a call, its check or ``calls`` raise, in its place; nothing follows.
        """
        inner = guard_within(pipeline)
        guarded = self.wrap(pipeline) if inner is None else pipeline
        return overlap.each(guarded, calls, (inner or self).remember)


class Guarded(Generic[P, R_co]):
    """A guarded pipeline.

    ``guard`` gives functions this type: ``Guarded[P, R]`` takes the parameters P and returns R.
    Objects keep their own class, of which they are a guarded subclass; after
    ``assert isinstance(pipe, Guarded)`` type checkers know the attributes below too.

    Attributes:
        guard: what checks its calls.
    """

    guard: CallGuard

    @property
    def last_verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts of the latest call in this thread or asyncio task, one per image.

        Raises:
            NoVerdictsError: there was no call here, or it ended before its images were checked.
        """
        return self.guard.last_verdicts

    if TYPE_CHECKING:

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co: ...

        @overload
        def __get__(self, instance: None, owner: type) -> Self: ...

        @overload
        def __get__(
            self: Guarded[Concatenate[Instance, Rest], R],
            instance: Instance,
            owner: type | None = None,
        ) -> Guarded[Rest, R]: ...

        def __get__(self, instance: Any, owner: Any = None) -> Any: ...


def guard_within(pipeline: object) -> CallGuard | None:
    """The guard of a guarded pipeline, also of a partial or a bound ``__call__`` of it."""
    while isinstance(pipeline, functools.partial):
        pipeline = pipeline.func
    bound = isinstance(pipeline, types.MethodType) and pipeline.__name__ == "__call__"
    owner = pipeline.__self__ if bound else pipeline  # type: ignore[attr-defined]
    return owner.guard if isinstance(owner, Guarded) else None
