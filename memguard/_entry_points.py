"""Classes that installed packages offer to memguard by entry points."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from functools import cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Any

from memguard.errors import ConfigurationError


def offered(group: str, own: Collection[str]) -> dict[str, EntryPoint]:
    """The entry points of a group by name, sorted; nothing is imported.

    Args:
        group: such as ``memguard.descriptors``.
        own: names that memguard itself uses.

    Raises:
        ConfigurationError: two packages, or a package and memguard, use the same name.
    """
    found: dict[str, EntryPoint] = {}
    for offer in sorted(_installed(group, tuple(sys.path)), key=lambda offer: offer.name):
        other = found.get(offer.name)
        if other is not None or offer.name in own:
            raise ConfigurationError(
                f"{_package(offer)} and {_package(other) if other else 'memguard'} both offer "
                f"{offer.name!r} as one of {group}: uninstall one, or ask its author for another "
                "name"
            )
        found[offer.name] = offer
    return found


@cache
def _installed(group: str, _path: tuple[str, ...]) -> EntryPoints:
    """Read once for each ``sys.path``: that takes about 10 ms, and every guard asks twice."""
    return entry_points(group=group)


def offered_class(offer: EntryPoint, required: Iterable[str]) -> type[Any]:
    """Import the class of an entry point.

    Args:
        offer: one of :func:`offered`.
        required: attributes that the class must have.

    Raises:
        ConfigurationError: it cannot be imported, or does not fit.
    """
    try:
        found = offer.load()
    except Exception as error:  # importing runs the package's own code
        raise ConfigurationError(
            f"{offer.value} of {_package(offer)} cannot be imported ({error}): upgrade or "
            "uninstall it"
        ) from error
    if not isinstance(found, type):
        raise _misfit(offer, "is not a class")
    lacking = [name for name in required if not hasattr(found, name)]
    if lacking:
        raise _misfit(offer, f"lacks {', '.join(lacking)}")
    return found


def _misfit(offer: EntryPoint, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{_package(offer)} offers {offer.name!r} as one of {offer.group}, but {offer.value} "
        f"{reason}: upgrade or uninstall it"
    )


def _package(offer: EntryPoint) -> str:
    return f"the package {offer.dist.name}" if offer.dist else offer.value
