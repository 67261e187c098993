"""Fingerprints of weight files, and the refusal of others than an index's own."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import pytest

from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.weights import BLOCK, require_same, sha256
from memguard.errors import WeightsError

SPEC = DescriptorSpec("clip", "cosine", 512, "ViT-B-32", "224 px", "here.pt", "a" * 64)


@pytest.mark.parametrize("size", [0, 3, BLOCK, BLOCK + 1])
def test_sha256(tmp_path: Path, size: int) -> None:
    data = bytes(i % 251 for i in range(size))
    (tmp_path / "file").write_bytes(data)
    assert sha256(tmp_path / "file") == hashlib.sha256(data).hexdigest()


def test_the_same_weights_elsewhere_are_the_same() -> None:
    require_same(SPEC, dataclasses.replace(SPEC, weights="elsewhere.pt"))


def test_other_weights_are_refused_with_both_fingerprints() -> None:
    other = dataclasses.replace(SPEC, weights="other.pt", weights_sha256="b" * 64)
    with pytest.raises(WeightsError, match=f"(?s){'a' * 64}.*other.pt.*{'b' * 64}.*build"):
        require_same(SPEC, other)


def test_other_preprocessing_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"224 px.*256 px.*build the index again"):
        require_same(SPEC, dataclasses.replace(SPEC, preprocessing="256 px"))
