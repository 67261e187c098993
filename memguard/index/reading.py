"""What a worker process does to one file: read, hash, decode, shrink, prepare."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from memguard.descriptors.base import Prepare
from memguard.errors import UnreadableImageError
from memguard.images import decode
from memguard.index.thumbnails import encode
from memguard.picture import Picture
from memguard.sources.base import Item

ID_DIGITS = 32
"""Hexadecimal digits of an id: 128 bits, so that 10^10 images collide with odds of 10^-19."""


@dataclass(frozen=True)
class Readable:
    """A decoded image on its way to the descriptors."""

    item: Item
    id: str
    width: int
    height: int
    thumbnail: bytes
    features: bytes
    prepared: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Unreadable:
    """A file that holds no image, and why."""

    item: Item
    reason: str


def content_id(data: bytes) -> str:
    """The id of an image: the first 128 bits of its file's SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()[:ID_DIGITS]


def read(items: Sequence[Item], prepare: Mapping[str, Prepare]) -> list[Readable | Unreadable]:
    """Read a chunk of items; every item gives one result, and none raises for a bad file."""
    return [_read(item, prepare) for item in items]


def _read(item: Item, prepare: Mapping[str, Prepare]) -> Readable | Unreadable:
    try:
        data = item.read()
        image, (width, height) = decode(data)
    except UnreadableImageError as error:
        return Unreadable(item, str(error))
    except OSError as error:
        return Unreadable(item, error.strerror or str(error))
    picture = Picture(image)
    return Readable(
        item=item,
        id=content_id(data),
        width=width,
        height=height,
        thumbnail=encode(image),
        features=picture.features.to_bytes(),
        prepared={name: step(picture) for name, step in prepare.items()},
    )
