"""Loading an index's descriptors from what its manifest says."""

from __future__ import annotations

import dataclasses

import pytest

from memguard.descriptors import DescriptorSpec, load_descriptors, weightless_descriptors
from memguard.errors import IndexUnavailableError, WeightsError


def test_what_every_index_holds() -> None:
    specs = [descriptor.spec for descriptor in weightless_descriptors()]
    assert [spec.name for spec in specs] == ["phash64", "phash256", "pixels", "vlad"]
    assert [descriptor.spec for descriptor in load_descriptors(specs)] == specs


def test_a_descriptor_of_the_future() -> None:
    spec = DescriptorSpec("holograms", "cosine", 3, "m", "p")
    with pytest.raises(IndexUnavailableError, match=r"'holograms' .* upgrade memguard"):
        load_descriptors([spec])


def test_a_descriptor_that_is_computed_otherwise_now() -> None:
    spec = dataclasses.replace(weightless_descriptors()[2].spec, preprocessing="8 px square")
    with pytest.raises(WeightsError, match=r"8 px square.*build the index again"):
        load_descriptors([spec])


@pytest.mark.parametrize("name", ["clip", "sscd"])
def test_weights_that_are_gone(name: str) -> None:
    spec = DescriptorSpec(name, "cosine", 512, "ViT-B-32", "p", "/gone/weights.pt", "a" * 64)
    with pytest.raises(WeightsError, match=r"/gone/weights\.pt"):
        load_descriptors([spec])
