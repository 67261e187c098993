"""Images as encoded files in memory (PNG, JPEG ...): told from other bytes, read, written again."""

from __future__ import annotations

import io
from collections.abc import Mapping

from PIL import Image, UnidentifiedImageError

from memguard.errors import UnsupportedOutputError
from memguard.vision.decode import quietly

READABLE: Mapping[str, tuple[bytes, ...]] = {
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "JPEG": (b"\xff\xd8\xff",),
    "WEBP": (b"RIFF????WEBP",),
    "GIF": (b"GIF87a", b"GIF89a"),
    "BMP": (b"BM",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "AVIF": (b"????ftypavif", b"????ftypavis"),
}
"""Formats that are read, and how their files begin; ``?`` stands for any byte."""

PICTURES_THAT_CANNOT_BE_READ: Mapping[str, tuple[bytes, ...]] = {
    "a video or HEIF image": (b"????ftyp",),
    "a Matroska or WebM video": (b"\x1aE\xdf\xa3",),
    "an AVI video": (b"RIFF????AVI ",),
    "an MPEG video": (b"\0\0\1\xba", b"\0\0\1\xb3"),
    "a JPEG XL image": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "a JPEG 2000 image": (b"\0\0\0\x0cjP  ",),
    "an SVG image": (b"<svg", b"<?xml"),
    "a PDF document": (b"%PDF",),
    "a ZIP archive": (b"PK\3\4",),
    "an OpenEXR image": (b"v/1\1",),
    "a Photoshop image": (b"8BPS",),
}
"""What else may show pictures, and how its files begin."""


def image_format(data: bytes) -> str | None:
    """The format of an encoded image, for example ``"PNG"``; None for other bytes.

    Raises:
        UnsupportedOutputError: the bytes may show pictures that memguard cannot read.
    """
    for name, starts in READABLE.items():
        if any(_begins(data, start) for start in starts):
            return name
    for kind, starts in PICTURES_THAT_CANNOT_BE_READ.items():
        if any(_begins(data, start) for start in starts):
            raise UnsupportedOutputError(
                f"memguard cannot read {kind} in an output; return Pillow images, arrays, tensors "
                f"or one of {', '.join(READABLE)}"
            )
    return None


def read_encoded(data: bytes) -> Image.Image:
    """The picture of an encoded image, loaded, in the mode in which it is stored.

    Raises:
        UnsupportedOutputError: no image in a format that is read (:data:`READABLE`), a damaged one,
            a decompression bomb, or an animation, of which only the first picture would be checked.
    """
    if image_format(data) is None:
        raise UnsupportedOutputError(
            f"{len(data)} bytes of an output are no image in one of {', '.join(READABLE)}"
        )
    try:
        with quietly():
            image = Image.open(io.BytesIO(data), formats=list(READABLE))
            frames = getattr(image, "n_frames", 1)
            image.load()
    except UnidentifiedImageError as error:
        raise UnsupportedOutputError("an encoded image of an output is damaged") from error
    except Exception as error:  # Pillow's decoders raise all kinds on damaged files
        raise UnsupportedOutputError(
            f"an encoded image of an output cannot be read: {error or type(error).__name__}"
        ) from error
    if frames > 1:
        raise UnsupportedOutputError(
            f"an encoded image of an output is an animation of {frames} pictures; return them as "
            "a list"
        )
    return image


def encoded_like(image: Image.Image, data: bytes) -> bytes:
    """An image in the format of other bytes: nothing else of these, such as metadata, is kept.

    Args:
        image: an RGB image.
        data: an encoded image.

    Raises:
        UnsupportedOutputError: see :func:`image_format`; or Pillow cannot write this format here.
    """
    name = image_format(data) or "PNG"
    stream = io.BytesIO()
    try:
        image.save(stream, name)
    except (OSError, KeyError) as error:
        raise UnsupportedOutputError(
            f"memguard cannot write a placeholder as {name}: {error}; return PNG or JPEG"
        ) from error
    return stream.getvalue()


def _begins(data: bytes, start: bytes) -> bool:
    head = data[: len(start)]
    return len(head) == len(start) and all(
        wanted in (b"?"[0], byte) for byte, wanted in zip(head, start)
    )
