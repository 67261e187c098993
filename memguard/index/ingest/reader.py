"""Reading one item in a worker process: read, hash, decode, shrink, prepare."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import Prepare
from memguard.errors import UnreadableImageError
from memguard.index.store.thumbnails import encode_reference
from memguard.sources.base import RETRY, Item
from memguard.sources.rights import joined, rights_of
from memguard.vision.decode import decode
from memguard.vision.picture import Picture

ID_DIGITS = 32
"""Hexadecimal digits of an id: 128 bits, so that 10^10 images collide with odds of 10^-19."""


@dataclass(frozen=True)
class Readable:
    """An image on its way to the descriptors.

    Attributes:
        item: what was read.
        id: the record's id.
        state: what to record as the file's state; :data:`memguard.sources.base.RETRY` where the
            next build must read it again.
        rights: licence and copyright notice, from the source's metadata or the file.
        width, height: the upright image's size in pixels; 0 where only ``item.vectors`` are known.
        blank: whether the image shows nothing.
        thumbnail, features: as :class:`memguard.index.record.Record` holds them; empty where only
            ``item.vectors`` are known.
        prepared: descriptor name to its prepared array; empty where only vectors are known.
        vectors: descriptor name to its vector, where another machine described the image.
    """

    item: Item
    id: str
    state: str
    rights: str | None = None
    width: int = 0
    height: int = 0
    blank: bool = False
    thumbnail: bytes = b""
    features: bytes = b""
    prepared: dict[str, NDArray[Any]] = field(default_factory=dict)
    vectors: dict[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Unreadable:
    """An item that gives no image, why, and the state to record (see :class:`Readable`)."""

    item: Item
    reason: str
    state: str


def content_id(data: bytes) -> str:
    """The id of an image: the first 128 bits of its file's SHA-256, hexadecimal."""
    return hashlib.sha256(data).hexdigest()[:ID_DIGITS]


def read(items: Sequence[Item], prepare: Mapping[str, Prepare]) -> list[Readable | Unreadable]:
    """Read a chunk of items; every item gives one result, and none raises for a bad file.

    Raises:
        ConfigurationError: addresses of this kind need a package that is not installed.
    """
    return [_read(item, prepare) for item in items]


def _read(item: Item, prepare: Mapping[str, Prepare]) -> Readable | Unreadable:
    if item.vectors is not None:
        return _take(item, item.vectors)
    try:
        data = item.read()
    except OSError as error:
        return Unreadable(item, error.strerror or str(error), RETRY)
    except UnreadableImageError as error:
        return Unreadable(item, str(error), item.state)
    state = item.state if item.state_now() == item.state else RETRY
    try:
        image, (width, height) = decode(data)
    except UnreadableImageError as error:
        return Unreadable(item, str(error), state)
    picture = Picture(image)
    return Readable(
        item=item,
        id=content_id(data),
        state=state,
        rights=joined(item.rights, rights_of(data)),
        width=width,
        height=height,
        blank=picture.is_blank,
        thumbnail=encode_reference(image),
        features=picture.features.to_bytes(),
        prepared={name: step(picture) for name, step in prepare.items()},
    )


def _take(item: Item, vectors: Mapping[str, NDArray[Any]]) -> Readable | Unreadable:
    """An image of which only vectors are known; its id is that of their bytes."""
    if not all(np.isfinite(vector).all() and vector.any() for vector in vectors.values()):
        return Unreadable(item, "its precomputed embedding is zero or not a number", item.state)
    data = b"".join(name.encode() + vectors[name].tobytes() for name in sorted(vectors))
    return Readable(item, content_id(data), item.state, item.rights)
