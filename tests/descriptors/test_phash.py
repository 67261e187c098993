"""PHash against its reference implementation, ``imagehash``."""

from __future__ import annotations

import pickle

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance

from memguard.descriptors.base import distances
from memguard.descriptors.phash import PHash
from memguard.vision.picture import Picture


@pytest.mark.parametrize("hash_size", [8, 16])
def test_bits_and_distances_are_imagehash_s(
    photographs: dict[str, Image.Image], hash_size: int
) -> None:
    descriptor = PHash(hash_size)
    images = list(photographs.values())
    references = [imagehash.phash(image, hash_size=hash_size) for image in images]
    rows = descriptor.describe([descriptor.prepare(Picture(image)) for image in images])
    assert rows.dtype == np.uint8
    assert rows.shape == (len(images), descriptor.spec.width)
    assert [row.tobytes().hex() for row in rows] == [str(reference) for reference in references]
    for query, reference in zip(rows, references, strict=True):
        assert distances(descriptor.spec, query, rows).tolist() == [
            reference - other for other in references
        ]


def test_a_darkened_small_copy_is_near_and_another_photograph_far(
    photographs: dict[str, Image.Image],
) -> None:
    descriptor = PHash(16)
    cat = photographs["chelsea.png"]
    copy = ImageEnhance.Brightness(cat.resize((225, 150))).enhance(0.8)
    rows = descriptor.describe(
        [descriptor.prepare(Picture(image)) for image in (cat, copy, photographs["coffee.png"])]
    )
    near, far = distances(descriptor.spec, rows[0], rows[1:])
    assert near < 20 < 80 < far


def test_specs_differ_and_preparation_travels_to_workers() -> None:
    small, large = PHash(8), PHash(16)
    assert (small.spec.name, small.spec.dimension, small.spec.width) == ("phash64", 64, 8)
    assert (large.spec.name, large.spec.dimension, large.spec.width) == ("phash256", 256, 32)
    assert pickle.loads(pickle.dumps(large.prepare)) == large
