"""Which model made the images: the hash of the weights that it ran with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any


def weights_sha256(pipeline: object) -> str | None:
    """The SHA-256 of a pipeline's weights as they are in memory, after casts and adapters.

    Names, types, shapes and bytes of all tensors of its ``components`` (``diffusers``), or of the
    module that it is, in the order of their names. None where there are no weights to be seen, as
    in functions and remote services, or where they are not in memory (offloaded to disk).
    """
    digest = hashlib.sha256()
    count = 0
    for name, tensor in _tensors(pipeline):
        if tensor.device.type == "meta":
            return None
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(_bytes(tensor))
        count += 1
    return digest.hexdigest() if count else None


def _tensors(pipeline: object) -> Iterator[tuple[str, Any]]:
    components = getattr(pipeline, "components", None)
    parts = components if isinstance(components, dict) else {"": pipeline}
    for part, module in sorted(parts.items()):
        if callable(state := getattr(module, "state_dict", None)):
            for name, value in sorted(state().items()):
                if hasattr(value, "untyped_storage"):
                    yield f"{part}.{name}", value


def _bytes(tensor: Any) -> memoryview:
    import torch

    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    return memoryview(flat.numpy())
