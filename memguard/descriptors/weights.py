"""Weights: where they are, and the refusal of others than an index's own."""

from __future__ import annotations

from pathlib import Path

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import WeightsError


def absolute(weights: str) -> str:
    """The absolute path, if ``weights`` names a file or directory; other names stay."""
    return str(Path(weights).resolve()) if Path(weights).exists() else weights


def require_same(recorded: DescriptorSpec, loaded: DescriptorSpec) -> None:
    """Refuse a descriptor whose vectors cannot be compared with the index's.

    Raises:
        WeightsError: naming both fingerprints, or else what differs.
    """
    if recorded == loaded:
        return
    if recorded.weights_sha256 != loaded.weights_sha256:
        raise WeightsError(
            f"the index was built with {recorded.name} weights of sha256 "
            f"{recorded.weights_sha256}, but {loaded.weights} has sha256 "
            f"{loaded.weights_sha256}; name the original file by "
            f'weights={{"{recorded.name}": PATH}} or --weights {recorded.name}=PATH, or build the '
            "index again"
        )
    raise WeightsError(
        f"the index holds {recorded.name} as {recorded.model} ({recorded.preprocessing}), but "
        f"{loaded.model} ({loaded.preprocessing}) was loaded; build the index again"
    )
