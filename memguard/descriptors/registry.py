"""The registry of descriptors: memguard's own, and those of installed packages.

A descriptor is a class that fits :class:`~memguard.descriptors.base.Descriptor`, or, with weights,
:class:`~memguard.descriptors.base.LearnedDescriptor`. Those of memguard are in the tables below.
A package offers others by entry points, under the descriptor's name::

    [project.entry-points."memguard.descriptors"]
    dino = "my_package.dino:Dino"

Every new index holds the descriptors of :data:`WEIGHTLESS`, and those that ``weights`` names. A
package's descriptor without weights is named with an empty string: ``weights={"edges": ""}``.
Classes are imported when they are needed, so that torch is loaded only for CLIP and SSCD.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import cast

from memguard._entry_points import offered, offered_class
from memguard.descriptors.base import Descriptor, DescriptorSpec, LearnedDescriptor
from memguard.descriptors.weights import require_same
from memguard.errors import ConfigurationError, IndexUnavailableError

GROUP = "memguard.descriptors"

WEIGHTLESS: Mapping[str, str] = {
    "phash64": "memguard.descriptors.phash:PHash64",
    "phash256": "memguard.descriptors.phash:PHash256",
    "pixels": "memguard.descriptors.pixels:Pixels",
    "vlad": "memguard.descriptors.vlad:Vlad",
}
"""Descriptors without weights, in the order of every index, which holds them all."""

LEARNED: Mapping[str, str] = {
    "clip": "memguard.descriptors.clip:Clip",
    "sscd": "memguard.descriptors.sscd:Sscd",
}
"""Descriptors with weights; an index holds those that its builder named."""

ATTRIBUTES = (
    "name",
    "learned",
    "neighbours",
    "signals",
    "score_normalised",
    "describes_windows",
    "describe",
)
OF_LEARNED = ("from_weights", "from_spec")
"""Attributes required of a class; ``spec`` and ``prepare`` may be set by an instance."""


def weightless_descriptors() -> list[Descriptor]:
    """The descriptors of :data:`WEIGHTLESS`."""
    return [descriptor_class(name)() for name in WEIGHTLESS]


def new_descriptors(weights: Mapping[str, str]) -> list[Descriptor]:
    """The descriptors of a new index: the weightless ones, and those that ``weights`` names.

    Raises:
        ConfigurationError: an unknown name, or wrong notation.
        WeightsError: weights are neither on this machine nor reachable.
    """
    _require_known(weights)
    chosen = weightless_descriptors()
    for name in known_names():
        if name in weights:
            found = descriptor_class(name)
            chosen.append(
                cast("type[LearnedDescriptor]", found).from_weights(weights[name])
                if found.learned
                else _without_weights(name, found, weights[name])
            )
    return chosen


def load_descriptors(
    specs: Sequence[DescriptorSpec], weights: Mapping[str, str] | None = None
) -> list[Descriptor]:
    """The descriptors an index was built with, ready to describe queries.

    Args:
        specs: from the index's manifest.
        weights: by descriptor, where its weights are now, if not where the builder found them.

    Raises:
        ConfigurationError: ``weights`` names an unknown descriptor.
        WeightsError: weights absent, or other than the index's. Nothing is downloaded.
        IndexUnavailableError: the index has a descriptor that is not installed here.
    """
    weights = weights or {}
    _require_known(weights)
    known = known_names()
    loaded: list[Descriptor] = []
    for spec in specs:
        if spec.name not in known:
            raise IndexUnavailableError(
                f"the index has a descriptor {spec.name!r} that this memguard does not know; "
                "upgrade memguard, or install the package that offers it"
            )
        found = descriptor_class(spec.name)
        descriptor = (
            cast("type[LearnedDescriptor]", found).from_spec(spec, weights.get(spec.name))
            if found.learned
            else _without_weights(spec.name, found, weights.get(spec.name, ""))
        )
        require_same(spec, descriptor.spec)
        loaded.append(descriptor)
    return loaded


def known_names() -> list[str]:
    """The names of all descriptors, in the order in which an index holds them.

    Raises:
        ConfigurationError: two packages offer the same name.
    """
    return [*WEIGHTLESS, *LEARNED, *_offered()]


def descriptor_class(name: str) -> type[Descriptor]:
    """The class of a known descriptor, imported now.

    Raises:
        ConfigurationError: the name is unknown, or a package offers something else under it.
    """
    if name in WEIGHTLESS or name in LEARNED:
        module, _, attribute = (WEIGHTLESS.get(name) or LEARNED[name]).partition(":")
        return cast("type[Descriptor]", getattr(importlib.import_module(module), attribute))
    offer = _offered().get(name)
    if offer is None:
        raise ConfigurationError(
            f"there is no descriptor {name!r} here: upgrade memguard, or install the package that "
            "offers it"
        )
    found = offered_class(offer, ATTRIBUTES)
    if found.learned:
        offered_class(offer, OF_LEARNED)
    if found.name != name:
        raise ConfigurationError(
            f"{offer.value} is offered as the descriptor {name!r}, but its name is {found.name!r}: "
            "ask its author to make them equal, or uninstall it"
        )
    measured = (name, f"{name}_normalised")
    for signal in found.signals:
        if signal.name not in measured:
            raise ConfigurationError(
                f"{offer.value} declares the signal {signal.name!r}, but only {measured[0]!r} and "
                f"{measured[1]!r} are measured: ask its author to rename it, or uninstall it"
            )
    return found


def _offered() -> dict[str, EntryPoint]:
    return offered(GROUP, [*WEIGHTLESS, *LEARNED])


def _require_known(weights: Mapping[str, str]) -> None:
    known = [name for name in known_names() if name not in WEIGHTLESS]
    unknown = [name for name in weights if name not in known]
    if unknown:
        raise ConfigurationError(
            f"weights= (or --weights) names {unknown[0]!r}, which is not a descriptor with "
            f"weights; known are {', '.join(known)}"
        )


def _without_weights(name: str, found: type[Descriptor], weights: str) -> Descriptor:
    if weights:
        raise ConfigurationError(
            f'the descriptor {name} has no weights: write weights={{"{name}": ""}}'
        )
    return found()
