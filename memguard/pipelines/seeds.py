"""Seeds that follow from something else, so that the same call ends the same way every time."""

from __future__ import annotations

import hashlib
import numbers
from collections.abc import Mapping
from typing import Any

SEED_ARGUMENTS = ("generator", "seed")
"""The arguments that make a call repeatable."""

SEED_BITS = 31
"""Bits of a derived seed: every generator and remote API takes this many."""


def derived_seed(source: bytes) -> int:
    """A seed that follows from these bytes."""
    digest = hashlib.sha256(source).digest()
    return int.from_bytes(digest, "big") >> (8 * len(digest) - SEED_BITS)


def reseeded(arguments: Mapping[str, Any], position: int, attempt: int) -> dict[str, Any]:
    """The arguments, with other seeds for this attempt at the image at this position.

    Generators of other libraries than torch are passed on as they are: they have moved on.
    """
    return {
        name: _fresh(value, position, attempt) if name in SEED_ARGUMENTS else value
        for name, value in arguments.items()
    }


def _fresh(source: Any, position: int, attempt: int) -> Any:
    """The same kind of generator or seed, or a list of them, with another seed."""
    suffix = f"/{position}/{attempt}".encode()
    if isinstance(source, (list, tuple)):
        return [_fresh(each, position, attempt) for each in source]
    if isinstance(source, numbers.Integral):
        return derived_seed(str(source).encode() + suffix)
    import torch

    if not isinstance(source, torch.Generator):
        return source
    seed = derived_seed(source.get_state().numpy().tobytes() + suffix)
    return torch.Generator(device=source.device).manual_seed(seed)
