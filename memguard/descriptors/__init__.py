"""Descriptors: what maps an image to a vector or bit string in which copies are close."""

from __future__ import annotations

from collections.abc import Sequence

from memguard.descriptors.base import Descriptor, DescriptorSpec
from memguard.descriptors.weights import require_same
from memguard.errors import IndexUnavailableError

__all__ = ["Descriptor", "DescriptorSpec", "load_descriptors", "weightless_descriptors"]


def weightless_descriptors() -> list[Descriptor]:
    """The descriptors that every index holds: both hashes, the pixels, the local features."""
    from memguard.descriptors.phash import PHash
    from memguard.descriptors.pixels import Pixels
    from memguard.descriptors.vlad import Vlad

    return [PHash(8), PHash(16), Pixels(), Vlad()]


def load_descriptors(
    specs: Sequence[DescriptorSpec],
    *,
    clip_weights: str | None = None,
    sscd_weights: str | None = None,
) -> list[Descriptor]:
    """The descriptors an index was built with, ready to describe queries.

    Args:
        specs: from the index's manifest.
        clip_weights, sscd_weights: where the weights are now, if not where the builder had them.

    Raises:
        WeightsError: weights absent, or other than the index's. Nothing is downloaded.
        IndexUnavailableError: the index names a descriptor that this memguard does not know.
    """
    weightless = {descriptor.spec.name: descriptor for descriptor in weightless_descriptors()}
    loaded: list[Descriptor] = []
    for spec in specs:
        descriptor: Descriptor
        if spec.name in weightless:
            descriptor = weightless[spec.name]
        elif spec.name == "clip":
            from memguard.descriptors.clip import Clip

            descriptor = Clip(spec.model, clip_weights or spec.weights or "")
        elif spec.name == "sscd":
            from memguard.descriptors.sscd import Sscd

            descriptor = Sscd(sscd_weights or spec.weights or "")
        else:
            raise IndexUnavailableError(
                f"the index holds a descriptor {spec.name!r} that this memguard does not know; "
                "upgrade memguard"
            )
        require_same(spec, descriptor.spec)
        loaded.append(descriptor)
    return loaded
