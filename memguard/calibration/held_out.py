"""Negatives that are held out of the training set: a folder, files, or images in memory."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeAlias, overload

from PIL import Image

from memguard.calibration.negatives import Named, Negatives
from memguard.detection.detector import Detector
from memguard.errors import CalibrationError, ConfigurationError, UnreadableImageError
from memguard.sources import Folder
from memguard.verdict import Match
from memguard.vision.decode import decode
from memguard.vision.picture import Picture

HeldOutImage: TypeAlias = "Image.Image | str | os.PathLike[str]"
"""A Pillow image of any mode, or a file."""


class HeldOut(Negatives):
    """Images that are not in the training set.

    Args:
        pictures: the images, each with its file or name.
        source: which images these are, in words.
    """

    method = "held-out"
    keeps_contaminated = False

    def __init__(self, pictures: Sequence[Named], source: str = "") -> None:
        self._pictures = pictures
        self.source = source

    def __len__(self) -> int:
        return len(self._pictures)

    def read(self, start: int, stop: int) -> list[Named]:
        return list(self._pictures[start:stop])

    def find_matches(self, detector: Detector, negatives: Sequence[Named]) -> list[list[Match]]:
        return detector.find_matches([picture for _, picture in negatives])

    def address(self, name: str) -> str:
        return name

    @classmethod
    def of(cls, images: str | os.PathLike[str] | Iterable[HeldOutImage]) -> HeldOut:
        """The images of a folder, or these images.

        Args:
            images: a folder, or images and files; of an iterator all images are in memory at once.

        Raises:
            BuildError: there is no such folder.
            ConfigurationError: one is neither an image nor a file's path.
        """
        if isinstance(images, (str, os.PathLike)):
            folder = Path(images).absolute()
            held_out = cls(FolderPictures(images), str(folder))
            held_out.folder = folder
            return held_out
        pictures = ListedPictures(images)
        return cls(pictures, f"{len(pictures)} images given in Python")


class PicturesOnAccess(Sequence[Named]):
    """Named pictures, each decoded on access."""

    @overload
    def __getitem__(self, at: int) -> Named: ...
    @overload
    def __getitem__(self, at: slice) -> list[Named]: ...
    def __getitem__(self, at: int | slice) -> Named | list[Named]:
        if isinstance(at, slice):
            return [self._picture(i) for i in range(*at.indices(len(self)))]
        return self._picture(at)

    @abstractmethod
    def _picture(self, at: int) -> Named: ...


class FolderPictures(PicturesOnAccess):
    """The readable images of a folder."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._items = list(Folder(root).iterate())

    def __len__(self) -> int:
        return len(self._items)

    def _picture(self, at: int) -> Named:
        item = self._items[at]
        return item.uri, _decoded(item.uri, item.read)


class ListedPictures(PicturesOnAccess):
    """Images and files; an image without a file is named by its position.

    Raises:
        ConfigurationError: one is neither an image nor a path.
    """

    def __init__(self, images: Iterable[HeldOutImage]) -> None:
        self._images = list(images)
        for at, image in enumerate(self._images):
            if not isinstance(image, (Image.Image, str, os.PathLike)):
                raise ConfigurationError(
                    f"negatives are Pillow images or paths of files, and number {at} is of type "
                    f"{type(image).__name__}"
                )

    def __len__(self) -> int:
        return len(self._images)

    def _picture(self, at: int) -> Named:
        image = self._images[at]
        if isinstance(image, Image.Image):
            file = getattr(image, "filename", "")
            return str(file) or f"image {at}", Picture(image)
        path = Path(image).absolute()
        return str(path), _decoded(str(path), path.read_bytes)


def _decoded(name: str, read: Callable[[], bytes]) -> Picture:
    try:
        return Picture(decode(read())[0])
    except (OSError, UnreadableImageError) as error:
        raise CalibrationError(
            f"{name} is no readable image ({error}); take it out of the negatives"
        ) from error
