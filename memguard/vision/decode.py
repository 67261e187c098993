"""Image files of any format and mode as RGB pixels."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from memguard.errors import UnreadableImageError

DRAFT_EDGE_PX = 640
"""Large JPEGs are decoded at a fraction of their size that keeps both edges at least this long:
more than any descriptor uses, and about 4 times faster on a 2048 px photograph."""

ON_ITS_SIDE = (5, 6, 7, 8)
"""EXIF orientations that swap width and height."""

WHITE_16_BIT = 65535.0
"""The white level of a 16-bit sample."""


def decode(data: bytes, *, alpha: bool = False) -> tuple[Image.Image, tuple[int, int]]:
    """Decode a whole image file.

    Args:
        data: the file's bytes, in any format that Pillow reads; of an animation the first frame
            counts.
        alpha: leave an alpha channel in the image, which then is RGBA.

    Returns:
        The upright RGB image (see :func:`to_rgb`), possibly at reduced scale
        (:data:`DRAFT_EDGE_PX`), and the file's full (width, height), also upright.

    Raises:
        UnreadableImageError: the bytes are empty, truncated, no image, or a decompression bomb.
    """
    if not data:
        raise UnreadableImageError("the file is empty")
    try:
        with quietly(), Image.open(io.BytesIO(data)) as image:
            full = image.size
            image.draft(None, (DRAFT_EDGE_PX, DRAFT_EDGE_PX))
            image.load()
            turned = image.getexif().get(ExifTags.Base.Orientation) in ON_ITS_SIDE
            seen = _with_alpha(image) if alpha else to_rgb(image)
    except UnidentifiedImageError as error:
        raise UnreadableImageError("not an image in a format that Pillow reads") from error
    except Exception as error:  # Pillow's decoders raise all kinds on damaged files
        raise UnreadableImageError(f"{error}" or type(error).__name__) from error
    return seen, (full[1], full[0]) if turned else full


def to_rgb(image: Image.Image) -> Image.Image:
    """Upright 8-bit RGB: EXIF orientation applied, alpha on white, 16 bit scaled to 8.

    Args:
        image: a Pillow image of any mode (1, L, LA, P, RGB, RGBA, CMYK, YCbCr, I;16, I, F ...).
            The ``I`` modes hold 16-bit levels, ``F`` too unless all are in [0, 1].
    """
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I") or image.mode == "F":
        levels = np.nan_to_num(np.asarray(image, dtype=np.float64))
        highest = 1.0 if image.mode == "F" and levels.max() <= 1 else WHITE_16_BIT
        return Image.fromarray(_eight_bit(levels / highest)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("RGB")


def _with_alpha(image: Image.Image) -> Image.Image:
    """Upright 8-bit RGB, or RGBA where the image may be transparent."""
    if not image.has_transparency_data:
        return to_rgb(image)
    return ImageOps.exif_transpose(image).convert("RGBA")


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Suppress Pillow's warnings about odd files, which would break a progress bar."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _eight_bit(levels: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.rint(np.clip(levels, 0, 1) * 255).astype(np.uint8)
