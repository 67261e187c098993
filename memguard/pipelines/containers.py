"""Copies of a pipeline's output in which the images are others."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from memguard.errors import UnsupportedOutputError


def like(values: Sequence[Any], changed: list[Any]) -> Any:
    """The changed values as a list, tuple or namedtuple, as the first are."""
    if isinstance(values, list):
        return changed
    return values._make(changed) if hasattr(values, "_make") else tuple(changed)


def with_items(output: Any, items: Mapping[str, Any]) -> Any:
    """A copy of a mapping with these items, which may be its attributes too.

    Raises:
        UnsupportedOutputError: the mapping cannot be copied or changed.
    """
    changed = _copy(output)
    if not hasattr(changed, "__setitem__"):
        raise _unchangeable(output)
    for name, value in items.items():
        if value is not output[name]:
            changed[name] = value
    if getattr(changed, "images", changed["images"]) is not changed["images"]:
        return with_images(changed, changed["images"])
    return changed


def with_images(output: Any, images: Any) -> Any:
    """A copy of an object, frozen or not, with these images.

    Raises:
        UnsupportedOutputError: the object cannot be copied or changed.
    """
    if hasattr(output, "_replace"):
        return output._replace(images=images)
    changed = _copy(output)
    for set_attribute in (setattr, object.__setattr__):
        try:
            set_attribute(changed, "images", images)
        except (AttributeError, TypeError, ValueError):
            continue
        return changed
    raise _unchangeable(output)


def _copy(output: Any) -> Any:
    try:
        return copy.copy(output)
    except Exception as error:
        raise _unchangeable(output) from error


def _unchangeable(output: Any) -> UnsupportedOutputError:
    return UnsupportedOutputError(
        f"memguard cannot exchange the images in an output of type {type(output).__name__}; "
        "return a list of images, or an object whose `images` can be set"
    )
