"""Cached properties whose computations do not wait for each other."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from functools import cached_property as cached_property
else:

    class cached_property(functools.cached_property):  # noqa: N801, in place of functools'
        """:class:`functools.cached_property` as of Python 3.12, without its lock.

        That lock is one for all instances: while it searches one picture for local features, no
        other thread could search another. Two threads that ask one instance at once may both
        compute.
        """

        def __get__(self, instance: object, owner: type[Any] | None = None) -> Any:
            if instance is None:
                return self
            value = vars(instance)[self.attrname] = self.func(instance)
            return value
