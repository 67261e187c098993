"""Cached properties whose computations do not wait for each other."""

from __future__ import annotations

import functools
from typing import Any, TypeVar, overload

T = TypeVar("T")


class cached_property(functools.cached_property[T]):  # noqa: N801, in place of functools'
    """:class:`functools.cached_property` as of Python 3.12, without its lock.

    That lock is one for all instances: while it searches one picture for local features, no other
    thread could search another. Two threads that ask one instance at once may both compute.
    """

    @overload
    def __get__(
        self, instance: None, owner: type[Any] | None = None
    ) -> functools.cached_property[T]: ...

    @overload
    def __get__(self, instance: object, owner: type[Any] | None = None) -> T: ...

    def __get__(
        self, instance: object, owner: type[Any] | None = None
    ) -> T | functools.cached_property[T]:
        if instance is None:
            return self
        value = vars(instance)[self.func.__name__] = self.func(instance)
        return value
