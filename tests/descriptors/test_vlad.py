"""The VLAD descriptor: pieces of a picture are near the whole."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from PIL import Image

from memguard.descriptors.base import distances
from memguard.descriptors.vlad import Vlad
from memguard.vision.local_features import vlad
from memguard.vision.picture import Picture
from memguard.vision.transforms import crop, inset, turn


def rows(*images: Image.Image) -> np.ndarray:
    descriptor = Vlad()
    return descriptor.describe([descriptor.prepare(Picture(image)) for image in images])


def test_a_row_is_the_vlad_of_the_picture_s_features(cat: Image.Image) -> None:
    (row,) = rows(cat)
    assert row.shape == (Vlad().spec.dimension,) == (2048,)
    assert row.dtype == np.float32
    assert float(np.linalg.norm(row)) == pytest.approx(1, abs=1e-5)
    np.testing.assert_array_equal(row, vlad(Picture(cat).features))


@pytest.mark.parametrize("name", ["chelsea.png", "astronaut.png", "coffee.png"])
def test_a_crop_a_turn_and_an_inset_are_nearest_to_their_source(
    photographs: dict[str, Image.Image], name: str
) -> None:
    rng = np.random.default_rng(0)
    image = photographs[name]
    queries = [crop(image, rng, side=0.5), turn(image, rng), inset(image, rng)]
    references = rows(*photographs.values())
    for query in rows(*queries):
        nearest = distances(Vlad().spec, query, references).argmin()
        assert list(photographs)[nearest] == name


def test_a_picture_without_features_is_all_zero() -> None:
    assert not rows(Image.new("RGB", (200, 200), "red")).any()


def test_travels_to_workers() -> None:
    assert pickle.loads(pickle.dumps(Vlad().prepare)) == Vlad()
