"""Guarded pipelines: objects that look like the original, and whose calls are checked.

Most objects get an instance of a subclass of their own class that shares their ``__dict__``.
Functions, and objects whose state lies elsewhere, get a proxy.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import inspect
import os
import sys
import types
from collections.abc import Callable
from typing import Any

from memguard.errors import ConfigurationError
from memguard.index import Index
from memguard.pipelines.call import Call
from memguard.pipelines.guarded import CallGuard, Guarded, guard_within

FUNCTIONS = (
    types.FunctionType,
    types.MethodType,
    types.BuiltinFunctionType,
    functools.partial,
)
"""Callables that get a proxy."""


def guarded(guard: CallGuard, pipeline: Callable[..., Any]) -> Guarded[..., Any]:
    """The pipeline, guarded; see :func:`memguard.guard`.

    Raises:
        ConfigurationError: see :func:`require_pipeline`.
    """
    require_pipeline(pipeline)
    if _has_shareable_state(pipeline):
        with contextlib.suppress(TypeError):  # a class that has no subclasses
            return _with_shared_state(guard, pipeline)
    return _proxy(guard, pipeline)


def require_pipeline(pipeline: object) -> None:
    """Refuse what a guard cannot wrap.

    Raises:
        ConfigurationError: the pipeline is guarded already, is a class, or is not callable.
    """
    if guard_within(pipeline) is not None:
        raise ConfigurationError("this pipeline is guarded already; wrap the original")
    if isinstance(pipeline, type):
        raise ConfigurationError(
            f"{pipeline.__name__} is a class: guard the pipeline that it makes, "
            f"guard({pipeline.__name__}(...), ...)"
        )
    if isinstance(pipeline, (str, os.PathLike, Index)):
        raise ConfigurationError(
            "a guard wraps a pipeline or any callable, and takes the pipeline first: "
            'guard(pipe, index="training.memguard")'
        )
    if not callable(pipeline):
        raise ConfigurationError(
            f"a guard wraps a pipeline or any callable, not a {type(pipeline).__name__}"
        )


class GuardedProxy(Guarded[..., Any]):
    """A guarded callable whose calls are checked; everything else is the original's."""

    def __init__(self, guard: CallGuard, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function, updated=())
        self.guard = guard
        self._function = function

    def __repr__(self) -> str:
        return f"<guarded {self._function!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _run(self.guard, self._function, Call(self._function, args, kwargs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copying and pickling ask for these: not of the original
            raise AttributeError(name)
        return getattr(self.__dict__["_function"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_function" in self.__dict__:
            setattr(self._function, name, value)
        else:
            super().__setattr__(name, value)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A guarded method stays one: bound to its instance, as the function would be."""
        if not isinstance(self._function, types.FunctionType) or instance is None:
            return self
        return _proxy(self.guard, self._function.__get__(instance, owner))

    def __copy__(self) -> GuardedProxy:
        return _proxy(self.guard, copy.copy(self._function))

    def __deepcopy__(self, memo: dict[int, Any]) -> GuardedProxy:
        return _proxy(self.guard, copy.deepcopy(self._function, memo))

    def __reduce__(self) -> str | tuple[Any, ...]:
        """By name, if it is what its module holds under its name, as a decorated function is."""
        name = getattr(self, "__qualname__", "")
        found: Any = sys.modules.get(self.__module__)
        for part in name.split("."):
            found = getattr(found, part, None)
        return name if found is self else (_again, (self.guard, self._function))


class GuardedCoroutineFunction(GuardedProxy):
    """A guarded coroutine function, which frameworks recognise as one."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return await super().__call__(*args, **kwargs)


def _proxy(guard: CallGuard, function: Callable[..., Any]) -> GuardedProxy:
    if inspect.iscoroutinefunction(function):
        return GuardedCoroutineFunction(guard, function)
    return GuardedProxy(guard, function)


def _has_shareable_state(pipeline: object) -> bool:
    """Whether all state of this object is in its ``__dict__``; False for functions and classes."""
    slots = {name for base in type(pipeline).__mro__ for name in vars(base).get("__slots__", ())}
    return (
        not isinstance(pipeline, FUNCTIONS)
        and hasattr(pipeline, "__dict__")
        and slots <= {"__dict__", "__weakref__"}
    )


def _with_shared_state(guard: CallGuard, pipeline: Any) -> Guarded[..., Any]:
    """An object with the pipeline's state, of a subclass whose calls are guarded.

    The subclass keeps the name and module of the original: diffusers writes them into
    ``model_index.json`` and looks pipelines up by them.

    Raises:
        TypeError: the pipeline's class allows no subclass.
    """
    original: Any = type(pipeline)

    @functools.wraps(original.__call__)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _run(guard, self, Call(types.MethodType(original.__call__, self), args, kwargs))

    @functools.wraps(original.__call__)
    async def call_later(self: Any, *args: Any, **kwargs: Any) -> Any:
        return await call(self, *args, **kwargs)

    def bare(self: Any) -> Any:
        """The original, with the same state."""
        made = object.__new__(original)
        made.__dict__ = self.__dict__
        return made

    def copied(self: Any) -> Any:
        return _again(guard, copy.copy(bare(self)))

    def deep_copied(self: Any, memo: dict[int, Any]) -> Any:
        memo[id(self)] = made = object.__new__(type(self))
        made.__dict__ = copy.deepcopy(bare(self), memo).__dict__
        return made

    def reduced(self: Any, _protocol: Any) -> tuple[Any, ...]:
        return _again, (guard, bare(self))

    waits = inspect.iscoroutinefunction(original.__call__)
    members = {
        "__call__": call_later if waits else call,
        "guard": guard,
        "__module__": original.__module__,
        "__copy__": copied,
        "__deepcopy__": deep_copied,
        "__reduce_ex__": reduced,
    }
    subclass = type(original)(original.__name__, (Guarded, original), members)
    shared: Guarded[..., Any] = object.__new__(subclass)
    shared.__dict__ = pipeline.__dict__
    return shared


def _run(guard: CallGuard, pipeline: Any, call: Call) -> Any:
    """The guarded call, outside of what ``torch.compile`` traces: it cannot read a check.

    Compiled parts of the pipeline stay compiled.
    """
    if "torch._dynamo" in sys.modules:  # somebody has used torch.compile
        import torch

        disable: Any = torch.compiler.disable
        return disable(guard.run)(pipeline, call)
    return guard.run(pipeline, call)


def _again(guard: CallGuard, pipeline: Any) -> Any:
    """A copy or an unpickled original, guarded as it was."""
    return pipeline if isinstance(pipeline, Guarded) else guarded(guard, pipeline)
