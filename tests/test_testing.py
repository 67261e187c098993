"""Contract checks pass for memguard's own descriptors and sources, and name what is broken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from memguard import guard
from memguard.descriptors.base import DescriptorSpec
from memguard.descriptors.registry import weightless_descriptors
from memguard.signal_type import DescriptorSignal
from memguard.sources import BytesItem, Folder, Item
from memguard.testing import check_descriptor, check_source, fake_pipeline, pictures, small_index


@pytest.mark.parametrize("own", weightless_descriptors(), ids=lambda own: own.name)
def test_own_descriptors_keep_the_contract(own: Any) -> None:
    check_descriptor(own)


class Mean:
    """A descriptor of three levels, which the tests break."""

    name: ClassVar[str] = "mean"
    signals: ClassVar[tuple[DescriptorSignal, ...]] = (DescriptorSignal("mean", "mean: cosine"),)
    learned: ClassVar[bool] = False
    neighbours = 1
    score_normalised = False
    describes_windows = False
    spec = DescriptorSpec("mean", "cosine", 3072, "pixels", "32 x 32")

    @property
    def prepare(self) -> Any:
        return prepare

    def describe(self, prepared: Any) -> Any:
        vectors = np.stack(prepared)
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def prepare(picture: Any) -> np.ndarray:
    small = np.asarray(picture.image.resize((32, 32)), dtype=np.float32).ravel()
    return small - small.mean()


class Wide(Mean):
    spec = replace(Mean.spec, dimension=5)


class Named(Mean):
    spec = replace(Mean.spec, name="other")


class Silent(Mean):
    signals = ()


class Long(Mean):
    def describe(self, prepared: Any) -> Any:
        return 2 * super().describe(prepared)


class Double(Mean):
    def describe(self, prepared: Any) -> Any:
        return super().describe(prepared).astype(np.float64)


class Relative(Mean):
    def describe(self, prepared: Any) -> Any:
        return super().describe([one - np.mean(prepared, axis=0) / 2 for one in prepared])


class Bound(Mean):
    @property
    def prepare(self) -> Any:
        return lambda picture: prepare(picture)


def test_a_good_descriptor_passes() -> None:
    check_descriptor(Mean())


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Wide, r"have the shape \(9, 3072\), not \(9, 5\)"),
        (Named, "spec.name is 'other', and the class's name 'mean'"),
        (Silent, r"its signals are \[\], not \['mean'\]"),
        (Long, "have the lengths .*not 1 or 0"),
        (Double, "are float64, not float32"),
        (Relative, "from itself in a batch"),
    ],
)
def test_a_broken_descriptor_is_named(broken: type[Mean], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_descriptor(broken())


def test_what_workers_cannot_run_is_found() -> None:
    with pytest.raises(Exception, match="pickle"):
        check_descriptor(Bound())


def test_own_sources_keep_the_contract(folder: Path) -> None:
    check_source(Folder(folder))


class Counted:
    """A source of bytes that are no images."""

    name = "counted"

    def __init__(self, uris: str = "abc", size: int = 3, skipped: int = 1) -> None:
        self.uris, self._size, self.skipped = uris, size, skipped

    def size(self) -> int:
        return self._size

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        start = 0 if after is None else int(after) + self.skipped
        for number in range(start, len(self.uris)):
            uri = self.uris[number]
            yield BytesItem(uri=uri, state="1", position=str(number), data=b"no image")


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Counted(""), "it has no items"),
        (Counted(size=4), r"size\(\) is 4 of 3 items"),
        (Counted("aba"), "two items have the same uri"),
        (Counted(skipped=2), "after the position of a come 1 items"),
        (Counted(), "none of its items can be read"),
    ],
)
def test_a_broken_source_is_named(broken: Counted, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_source(broken)


def test_a_fake_pipeline_on_a_small_index(tmp_path: Path) -> None:
    index = small_index(tmp_path / "i.memguard", pictures(3))
    assert len(index) == 3
    pipe = guard(fake_pipeline(pictures(4)[2:]), index)
    labels = [one.label for one in pipe("a", num_images_per_prompt=2).memorization]
    assert labels == ["memorized", "clear"]
    assert pipe("a", output_type="np").images.shape == (1, 120, 160, 3)
