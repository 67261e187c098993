"""Views with their vectors, and the references that they propose."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from memguard.descriptors import Descriptor, load_descriptors
from memguard.descriptors.base import distances
from memguard.descriptors.pixels import Pixels
from memguard.detection.candidates import compare_vectors, described_views, search
from memguard.errors import WeightsError
from memguard.index import Index
from memguard.index.open import open_index
from memguard.index.store.canary import CANARIES
from memguard.vision.picture import Picture


@pytest.fixture(scope="module")
def index(gallery: Path) -> Index:
    return open_index(gallery)


@pytest.fixture(scope="module")
def descriptors(index: Index) -> list[Descriptor]:
    return load_descriptors(index.specs)


def test_a_vector_for_each_descriptor_and_view(
    descriptors: list[Descriptor], cat: Image.Image
) -> None:
    views = described_views([Picture(cat), Picture(cat)], descriptors, thorough=False)
    assert [(one.query, one.view) for one in views] == [
        (0, "as is"),
        (0, "mirrored"),
        (0, "inverted"),
        (1, "as is"),
        (1, "mirrored"),
        (1, "inverted"),
    ]
    for one in views:
        for descriptor in descriptors:
            (vector,) = one.vectors[descriptor.spec.name]
            (alone,) = descriptor.describe([descriptor.prepare(one.picture)])
            np.testing.assert_array_equal(vector, alone)


def test_thorough_sees_more_views_and_sums_up_windows(
    descriptors: list[Descriptor], cat: Image.Image
) -> None:
    views = described_views([Picture(cat)], descriptors, thorough=True)
    assert {"turned 90", "turned 180", "turned 270"} < {one.view for one in views}
    assert [len(one.window_vlads) > 0 for one in views[:3]] == [True, True, True]
    assert described_views([], descriptors, thorough=True) == []


class PixelsOfWindows(Pixels):
    """Describes parts of the query too."""

    describes_windows: ClassVar[bool] = True


def test_windows_of_the_image_as_it_is_are_described(cat: Image.Image) -> None:
    views = described_views([Picture(cat)], [PixelsOfWindows()], thorough=True)
    counts = {one.view: len(one.vectors["pixels"]) for one in views}
    assert counts.pop("as is") == 6
    assert set(counts.values()) == {1}


def test_each_view_proposes_its_own_reference(
    index: Index, descriptors: list[Descriptor], cat: Image.Image
) -> None:
    rows = {Path(record.uri).stem: CANARIES + i for i, record in enumerate(_records(index))}
    views = described_views([Picture(cat)], descriptors, thorough=False)
    for found in search(index, descriptors, views, 0):
        assert rows["chelsea"] in found
        assert found <= set(rows.values()), "no canary"


def test_zero_vectors_have_no_neighbours(index: Index, descriptors: list[Descriptor]) -> None:
    """A plain picture has no local features: its VLAD is zero."""
    vlad = [descriptor for descriptor in descriptors if descriptor.spec.name == "vlad"]
    plain = Picture(Image.new("RGB", (64, 64), "grey"))
    found = search(index, vlad, described_views([plain], vlad, thorough=False), 0)
    assert found == [set(), set(), set()]


def test_distances_are_those_of_brute_force(
    index: Index, descriptors: list[Descriptor], cat: Image.Image
) -> None:
    (view, *_) = described_views([Picture(cat)], descriptors, thorough=False)
    records = _records(index)
    compared = compare_vectors(index, descriptors, view.vectors, records)
    for descriptor in descriptors:
        name = descriptor.spec.name
        expected = distances(
            descriptor.spec, view.vectors[name][0], np.stack([r.vectors[name] for r in records])
        )
        np.testing.assert_array_equal([row[name] for row in compared], expected)


def _records(index: Index) -> list:
    return index.take(range(CANARIES, CANARIES + len(index)))


class Overflows(Pixels):
    """A model that overflows."""

    def describe(self, prepared: Sequence[np.ndarray]) -> np.ndarray:
        return np.full((len(prepared), self.spec.width), np.nan, np.float32)


def test_vectors_that_are_not_finite_are_an_error(cat: Image.Image) -> None:
    with pytest.raises(WeightsError, match="pixels gave vectors that are not finite"):
        described_views([Picture(cat)], [Overflows()], thorough=False)


def test_a_distance_that_is_nan_is_an_error(
    index: Index, descriptors: list[Descriptor], cat: Image.Image
) -> None:
    (view, *_) = described_views([Picture(cat)], descriptors, thorough=False)
    records = _records(index)
    records[0].vectors["pixels"] = np.full_like(records[0].vectors["pixels"], np.nan)
    with pytest.raises(ValueError, match="the signal pixels measured NaN"):
        compare_vectors(index, descriptors, view.vectors, records)
