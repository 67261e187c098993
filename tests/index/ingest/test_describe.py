"""Images become records."""

from __future__ import annotations

import numpy as np
from fixtures.picture_files import encoded
from PIL import Image

from memguard.descriptors import weightless_descriptors
from memguard.index.ingest.describe import describe
from memguard.index.ingest.reader import Readable, read
from memguard.sources import BytesItem, Item
from memguard.vision.picture import Picture

DESCRIPTORS = weightless_descriptors()
PREPARE = {one.spec.name: one.prepare for one in DESCRIPTORS}


def test_records_have_the_items_facts_and_the_descriptors_vectors(cat: Image.Image) -> None:
    about = {"caption": "a cat", "url": "https://example.org/cat", "rights": "CC0"}
    images = read(
        [
            BytesItem(uri="a", state="1", data=encoded(cat, "PNG"), **about),
            BytesItem(uri="b", state="1", data=encoded(cat.rotate(90, expand=True), "PNG")),
        ],
        PREPARE,
    )
    first, second = describe(DESCRIPTORS, [one for one in images if isinstance(one, Readable)])
    assert (first.uri, first.caption, first.url, first.rights) == ("a", *about.values())
    assert (second.width, second.height) == (cat.height, cat.width)
    for descriptor in DESCRIPTORS:
        (expected,) = descriptor.describe([descriptor.prepare(Picture(cat))])
        np.testing.assert_allclose(first.vectors[descriptor.spec.name], expected, atol=1e-6)


def test_vectors_that_images_come_with_stay(cat: Image.Image) -> None:
    vector = np.array([0.6, 0.8], np.float32)
    (bare,) = read([Item(uri="a", state="1", vectors={"clip": vector})], PREPARE)
    (whole,) = read([BytesItem(uri="b", state="1", data=encoded(cat, "PNG"))], {})
    assert isinstance(bare, Readable)
    assert isinstance(whole, Readable)
    elsewhere = Readable(whole.item, whole.id, whole.state, vectors={"phash64": vector})
    one, other = describe(DESCRIPTORS, [bare, elsewhere])
    assert list(one.vectors) == ["clip"]
    assert one.thumbnail is None
    assert list(other.vectors) == ["phash64"]
    np.testing.assert_array_equal(other.vectors["phash64"], vector)


def test_no_images_no_records() -> None:
    assert describe(DESCRIPTORS, []) == []
