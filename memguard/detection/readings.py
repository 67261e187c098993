"""What an image may show to whoever opens it: on white and black, without alpha, in small parts.

A viewer may drop the alpha channel or lay it on any ground, and a picture may be small on a large
canvas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from memguard.verdict import Corners, Verdict
from memguard.vision.decode import to_rgb
from memguard.vision.picture import BLANK_STD, Picture

COMPARED_PX = 32
"""Edge of the squares in which two readings are compared."""

SAME_LEVELS = 4.0
"""Greatest difference there, in levels of 255, between readings that show the same."""

TILE_PX = 64
"""Edge of the tiles, at full size, of which each must be blank in a blank image."""

TRIMMED_LEVELS = 20
"""Range of levels, of 255, of a blank row or column. Chosen by hand."""

Box = tuple[int, int, int, int]
"""Left, upper, right and lower edge, in pixels."""


@dataclass(frozen=True)
class Reading:
    """One picture that an image may show.

    Attributes:
        picture: what is seen.
        size: width and height of the image.
        box: the part of the image that it is.
    """

    picture: Picture
    size: tuple[int, int]
    box: Box

    def placed(self, verdict: Verdict) -> Verdict:
        """The verdict on the picture, with its regions placed in the image."""
        if self.box == (0, 0, *self.size):
            return verdict
        return replace(
            verdict,
            matches=tuple(
                match
                if match.region is None
                else replace(
                    match,
                    region=replace(
                        match.region,
                        query=self._corners(match.region.query),
                        share_of_query=match.region.share_of_query * self._share,
                    ),
                )
                for match in verdict.matches
            ),
        )

    @property
    def _share(self) -> float:
        left, upper, right, lower = self.box
        return (right - left) * (lower - upper) / (self.size[0] * self.size[1])

    def _corners(self, corners: Corners) -> Corners:
        left, upper, right, lower = self.box
        width, height = self.size
        return tuple(
            ((left + x * (right - left)) / width, (upper + y * (lower - upper)) / height)
            for x, y in corners
        )


def readings(image: Image.Image) -> list[Reading]:
    """Every picture that an image may show, none of them blank; an empty list for a blank image.

    Args:
        image: of any mode and size.
    """
    shown = [to_rgb(image)]
    for another in (_opaque(image), _on_black(image)):
        if another is not None and all(_differ(one, another) for one in shown):
            shown.append(another)
    return [found for rgb in shown if (found := _reading(rgb)) is not None]


def _opaque(image: Image.Image) -> Image.Image | None:
    """The image as ``convert("RGB")`` shows it: alpha is dropped, and numbers are clipped."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return None
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I") or upright.mode == "F":  # as Pillow clips those that it can
        levels = np.nan_to_num(np.asarray(upright, dtype=np.float64))
        return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8)).convert("RGB")
    upright.info.pop("transparency", None)
    return upright.convert("RGB")


def _on_black(image: Image.Image) -> Image.Image | None:
    """The image on black, where it may be transparent: white with a picture as its alpha channel
    shows nothing on white."""
    if not image.has_transparency_data:
        return None
    layer = ImageOps.exif_transpose(image).convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "black"), layer).convert("RGB")


def _differ(first: Image.Image, second: Image.Image) -> bool:
    small = [
        np.asarray(one.resize((COMPARED_PX, COMPARED_PX), Image.Resampling.BOX), dtype=np.float32)
        for one in (first, second)
    ]
    return float(np.abs(small[0] - small[1]).max()) > SAME_LEVELS


def _reading(image: Image.Image) -> Reading | None:
    picture = Picture(image)
    whole = (0, 0, *image.size)
    if not picture.is_blank:
        return Reading(picture, image.size, whole)
    for box in _drawn(image):
        part = Picture(image.crop(box))
        if not part.is_blank:
            return Reading(part, image.size, box)
    return None


def _drawn(image: Image.Image) -> list[Box]:
    """The box around all tiles that are not blank, and the one that shows most; none if all are."""
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    filled = cv2.copyMakeBorder(
        pixels,
        *(0, rows * TILE_PX - height, 0, columns * TILE_PX - width),
        cv2.BORDER_REPLICATE,
    )
    tiles = filled.reshape(rows, TILE_PX, columns, TILE_PX, 3)
    deviation = np.stack(
        [row.std(axis=(0, 2), dtype=np.float32).max(axis=-1) for row in tiles]  # (rows, columns)
    )
    drawn = np.argwhere(deviation >= BLANK_STD * 255)
    if not len(drawn):
        return []

    def box(first: tuple[int, int], last: tuple[int, int]) -> Box:
        return (
            first[1] * TILE_PX,
            first[0] * TILE_PX,
            min(width, (last[1] + 1) * TILE_PX),
            min(height, (last[0] + 1) * TILE_PX),
        )

    (upper, left), (lower, right) = drawn.min(axis=0).tolist(), drawn.max(axis=0).tolist()
    row, column = divmod(int(deviation.argmax()), columns)
    around = box((upper, left), (lower, right))
    return [_trimmed(pixels, around), box((row, column), (row, column))]


def _trimmed(pixels: NDArray[np.uint8], box: Box) -> Box:
    """The box without the blank rows and columns at its edges."""
    left, upper, right, lower = box
    part = pixels[upper:lower, left:right]
    rows = np.flatnonzero(np.ptp(part, axis=1).max(axis=-1) > TRIMMED_LEVELS)
    columns = np.flatnonzero(np.ptp(part, axis=0).max(axis=-1) > TRIMMED_LEVELS)
    if not len(rows) or not len(columns):
        return box
    return (
        left + int(columns[0]),
        upper + int(rows[0]),
        left + int(columns[-1]) + 1,
        upper + int(rows[-1]) + 1,
    )
