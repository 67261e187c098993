"""Containers of outputs: what they hold, and copies of them that hold something else."""

from __future__ import annotations

import copy
import types
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

from memguard.errors import UnsupportedOutputError

NO_MEMBERS = (type, types.ModuleType, types.CodeType, types.FrameType, types.TracebackType)


def items_of(value: object) -> dict[Any, Any]:
    """The items of a mapping; none of anything else."""
    return dict(value) if isinstance(value, Mapping) else {}


def attributes_of(value: object, properties: Sequence[str] = ()) -> dict[str, Any]:
    """The attributes of an object that are not items of it too: its state, whatever its class.

    Args:
        value: anything; callables, classes and modules are no outputs and have none.
        properties: names of attributes that the class may compute.
    """
    if callable(value) or isinstance(value, NO_MEMBERS):
        return {}
    kind = type(value)
    slots = [
        name
        for base in kind.__mro__
        for name in _names(vars(base).get("__slots__", ()))
        if name not in ("__dict__", "__weakref__")
    ]
    computed = [name for name in properties if isinstance(getattr(kind, name, None), property)]
    found = dict(getattr(value, "__dict__", {}))
    for name in (*slots, *computed):
        if name not in found and hasattr(value, name):
            found[name] = getattr(value, name)
    items = items_of(value)
    return {name: held for name, held in found.items() if items.get(name, found) is not held}


def like(values: Collection[Any], changed: list[Any]) -> Any:
    """The changed values as a list, tuple or namedtuple, as the first are.

    Raises:
        UnsupportedOutputError: another collection.
    """
    if type(values) is list:
        return changed
    if type(values) is tuple:
        return tuple(changed)
    if isinstance(values, list):
        another = _copy(values)
        another[:] = changed
        return another
    if hasattr(values, "_make"):
        return values._make(changed)
    return refuse(values)


def with_members(output: Any, items: Mapping[Any, Any], attributes: Mapping[str, Any]) -> Any:
    """A copy of a mapping or object, frozen or not, with these items and attributes.

    An attribute that is an item too, as in the outputs of ``diffusers``, changes with it.

    Raises:
        UnsupportedOutputError: the output cannot be copied or changed.
    """
    changed = _copy(output)
    both = [
        name for name in items if getattr(output, "__dict__", {}).get(name, output) is output[name]
    ]
    attributes = {**{name: items[name] for name in both}, **attributes}
    for name, value in items.items():
        try:
            changed[name] = value
        except Exception:  # whatever its class raises
            refuse(output)
    for name, value in attributes.items():
        _set(changed, name, value)
    return changed


def _set(changed: Any, name: str, value: Any) -> None:
    for set_attribute in (setattr, object.__setattr__):
        try:
            set_attribute(changed, name, value)
        except (AttributeError, TypeError, ValueError):
            continue
        return
    refuse(changed)


def _names(slots: Any) -> Sequence[str]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _copy(output: Any) -> Any:
    try:
        return copy.copy(output)
    except Exception:
        refuse(output)


def refuse(output: object) -> NoReturn:
    """Raise the error for an output whose images cannot be exchanged."""
    raise UnsupportedOutputError(
        f"memguard cannot exchange the images in an output of type {type(output).__name__}; "
        "return a list of images, or an object whose `images` can be set"
    )
