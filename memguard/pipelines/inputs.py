"""What ``Guard.check`` takes: files, encoded bytes, and all that guarded pipelines may return."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence, Set, ValuesView
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from numpy.typing import NDArray
from PIL import Image

from memguard.errors import ConfigurationError, UnreadableImageError, UnsupportedOutputError
from memguard.files import read_regular
from memguard.pipelines.outputs import find_images
from memguard.pipelines.pictures import Shown, Unreadable
from memguard.vision.decode import decode


class Tensor(Protocol):
    """A torch tensor, which memguard names without importing torch."""

    def detach(self) -> Any: ...
    def cpu(self) -> Any: ...


ImageLike: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | NDArray[Any] | Tensor
"""An image: a file's path, an encoded file's bytes, a Pillow image, or levels as an array or
tensor; an array or tensor of four axes is a batch of images."""

Images: TypeAlias = ImageLike | Iterable[ImageLike]


def read_images(images: Images) -> list[Shown]:
    """Every image, in order; those of a batch one after the other.

    Raises:
        ConfigurationError: something that is no image, or a path without a file.
    """
    return list(_read(images))


def read_image(image: ImageLike) -> Image.Image:
    """One image.

    Raises:
        ConfigurationError: no image, or more than one.
        UnreadableImageError: it cannot be read.
    """
    images = read_images(image)
    if len(images) != 1:
        raise ConfigurationError(f"this takes one image, not {len(images)}")
    (found,) = images
    if isinstance(found, Unreadable):
        raise UnreadableImageError(found.reason)
    if not isinstance(found, Image.Image):
        raise ConfigurationError("this takes an image, not a video or nothing")
    return found


def _read(value: Any) -> Iterator[Shown]:
    if isinstance(value, (bytes, bytearray, memoryview)):
        yield _decoded(bytes(value), "the bytes")
    elif isinstance(value, (str, os.PathLike)):
        yield _file(value)
    elif _holds_several(value):
        for each in value:
            yield from _read(each)
    else:
        try:
            pictures = find_images(value).pictures
        except UnsupportedOutputError as error:
            raise ConfigurationError(_refusal(value, error)) from error
        yield from pictures


def _holds_several(value: Any) -> bool:
    """Whether this is a list, tuple, generator ... and no array or output of a pipeline."""
    several = isinstance(value, (Sequence, Iterator, Set, ValuesView))
    return several and not hasattr(value, "images")


def _refusal(value: Any, error: UnsupportedOutputError) -> str:
    """Why a value is no image; what outputs of pipelines should be says nothing here."""
    accepted = "a check takes paths, encoded bytes, Pillow images, arrays and tensors, one or many"
    if isinstance(value, Image.Image) or hasattr(value, "shape"):
        return f"{accepted}: {error}"
    return f"{accepted}, not this {type(value).__name__}"


def _file(name: str | os.PathLike[str]) -> Image.Image | Unreadable:
    path = Path(name)
    if "://" in str(name):
        raise ConfigurationError(
            f"{name} is an address; a check takes files and images: fetch it first, or use "
            "`memguard check ADDRESS`"
        )
    if path.is_dir():
        raise ConfigurationError(
            f"{path} is a folder; a check takes image files: check(Path({str(path)!r}).iterdir())"
        )
    if not path.exists():
        raise ConfigurationError(f"there is no file {path}; name an image file that is there")
    try:
        data = read_regular(path)
    except OSError as error:
        return Unreadable(f"{path}: {error.strerror or error}")
    return _decoded(data, str(path))


def _decoded(data: bytes, name: str) -> Image.Image | Unreadable:
    try:
        return decode(data, alpha=True)[0]
    except UnreadableImageError as error:
        return Unreadable(f"{name}: {error}")
