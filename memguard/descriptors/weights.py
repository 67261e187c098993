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
    require_fingerprint(recorded, loaded.weights, loaded.weights_sha256)
    if recorded == loaded:
        return
    raise WeightsError(
        f"the index holds {recorded.name} as {recorded.model} ({recorded.preprocessing}), but "
        f"{loaded.model} ({loaded.preprocessing}) was loaded; build the index again"
    )


def require_fingerprint(
    recorded: DescriptorSpec, weights: str | Path | None, sha256: str | None
) -> None:
    """Refuse other weights than the index's; possible before they are loaded.

    Args:
        recorded: what the index records.
        weights: where these weights are, for the error.
        sha256: their fingerprint.

    Raises:
        WeightsError: naming both fingerprints.
    """
    if sha256 != recorded.weights_sha256:
        raise WeightsError(
            f"the index was built with {recorded.name} weights of sha256 "
            f"{recorded.weights_sha256}, but {weights} has sha256 {sha256}; name the original "
            f'file by weights={{"{recorded.name}": PATH}} or --weights {recorded.name}=PATH, or '
            "build the index again"
        )
