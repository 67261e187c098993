"""Weights that are not an index's own, and where weights are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.weights import absolute, require_same
from memguard.errors import WeightsError

SPEC = DescriptorSpec("clip", "cosine", 512, "ViT-B-32", "224 px", "here.pt", "a" * 64)


def test_the_same_weights_elsewhere_are_the_same() -> None:
    require_same(SPEC, dataclasses.replace(SPEC, weights="elsewhere.pt"))


def test_other_weights_are_refused_with_both_fingerprints() -> None:
    other = dataclasses.replace(SPEC, weights="other.pt", weights_sha256="b" * 64)
    with pytest.raises(
        WeightsError, match=f"(?s){'a' * 64}.*other.pt.*{'b' * 64}.*--weights clip=.*build"
    ):
        require_same(SPEC, other)


def test_other_preprocessing_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"224 px.*256 px.*build the index again"):
        require_same(SPEC, dataclasses.replace(SPEC, preprocessing="256 px"))


def test_a_path_becomes_absolute_and_a_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.pt").touch()
    assert absolute("weights.pt") == str(tmp_path / "weights.pt")
    assert absolute("laion2b_s34b_b79k") == "laion2b_s34b_b79k"
