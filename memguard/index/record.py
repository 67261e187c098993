"""A training image as an index knows it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from PIL import Image

from memguard.vision.local_features import LocalFeatures
from memguard.vision.picture import Picture, Thumbnail


@dataclass(frozen=True, kw_only=True)
class Record:
    """One distinct training image as the index knows it.

    Attributes:
        id: the first 128 bits of the SHA-256 of the file's bytes, hexadecimal.
        uri: where these bytes were first seen.
        width, height: the upright image's size in pixels; 0 where the index was given none.
        caption: the training caption, or None.
        rights: licence and copyright notice, or None.
        url: the published address of the image, or None.
        blank: whether the image shows nothing (:attr:`memguard.vision.picture.Picture.is_blank`).
        canary: whether this is a planted reference (:mod:`memguard.index.store.canary`).
        thumbnail: a small encoded RGB image (``store.thumbnails``); None where the
            index was given no pixels.
        features: local features (``LocalFeatures.to_bytes``); None for an image without any.
        vectors: descriptor name to its vector, for those that it has.
        exact_duplicates: files of the training set with exactly these bytes.
        near_duplicates: references in the cluster of this image, itself included
            (:mod:`memguard.index.ingest.near_duplicates`).
    """

    id: str
    uri: str
    width: int
    height: int
    caption: str | None = None
    rights: str | None = None
    url: str | None = None
    blank: bool = False
    canary: bool = False
    thumbnail: bytes | None
    features: bytes | None
    vectors: dict[str, NDArray[Any]]
    exact_duplicates: int = 1
    near_duplicates: int = 1

    @property
    def has_pixels(self) -> bool:
        """Whether there is a thumbnail."""
        return self.thumbnail is not None

    def image(self) -> Image.Image:
        """The thumbnail, decoded to RGB.

        Raises:
            ValueError: there is none.
        """
        if self.thumbnail is None:
            raise ValueError(f"the index holds no pixels of {self.uri}")
        return Image.open(io.BytesIO(self.thumbnail)).convert("RGB")

    def picture(self) -> Picture:
        """The thumbnail, with the local features of the full image.

        Raises:
            ValueError: there is no thumbnail.
        """
        if self.thumbnail is None:
            raise ValueError(f"the index holds no pixels of {self.uri}")
        return Thumbnail(self.thumbnail, LocalFeatures.from_bytes(self.features or b""))
