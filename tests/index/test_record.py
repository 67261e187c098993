"""Records: their thumbnail as an image, with the features of the full image."""

from __future__ import annotations

import dataclasses

import pytest
from PIL import Image

from memguard.index.record import Record
from memguard.index.store.thumbnails import encode
from memguard.vision.picture import Picture


@pytest.fixture
def record(cat: Image.Image) -> Record:
    picture = Picture(cat)
    return Record(
        id="0" * 32,
        uri="/cat.jpg",
        width=cat.width,
        height=cat.height,
        thumbnail=encode(cat),
        features=picture.features.to_bytes(),
        vectors={},
    )


def test_its_picture_has_the_features_of_the_full_image(record: Record, cat: Image.Image) -> None:
    assert record.has_pixels
    assert (record.image().mode, record.image().size) == ("RGB", (256, 170))
    assert record.picture().features.to_bytes() == record.features


def test_an_image_without_features_is_not_searched_for_them_again(record: Record) -> None:
    bare = dataclasses.replace(record, features=None)
    assert len(bare.picture().features.points) == 0


def test_without_pixels(record: Record) -> None:
    bare = dataclasses.replace(record, thumbnail=None)
    assert not bare.has_pixels
    for decode in (bare.image, bare.picture):
        with pytest.raises(ValueError, match=r"no pixels of /cat\.jpg"):
            decode()
