"""What an evader makes of a training image, and template copies as models make them.

As in `memguard.vision.transforms`, a transform takes an RGB image and a random generator and
returns a new RGB image, and sizes are fractions of the image. Nothing is calibrated on these: they
test what memguard was not tuned for. All strengths are chosen by hand, so that a person still
recognises every picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from skimage.transform import swirl as turn_around_centre

from memguard.vision.transforms import (
    BICUBIC,
    LANCZOS,
    Transform,
    another_picture,
    crop,
    diffusion_like,
)

NEAREST = Image.Resampling.NEAREST
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
"""RGB to RGB, the matrix of the CSS filter `sepia(1)` (Filter Effects Module Level 1)."""
NEARLY_SQUARE = 1.15
"""Longer edge by shorter edge, below which a picture counts as square."""


# ---- geometry ----


def turned(image: Image.Image, rng: np.random.Generator, degrees: float = 30) -> Image.Image:
    """Rotate by `degrees` either way inside the old frame; the corners become black."""
    return image.rotate(degrees * rng.choice((-1, 1)), BICUBIC)


def upside_down(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Rotate by 180 degrees."""
    return image.transpose(Image.Transpose.ROTATE_180)


def halves_swapped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Swap the left and the right half, neither of them mirrored."""
    return Image.fromarray(np.roll(np.asarray(image), image.width // 2, axis=1))


def squeezed(image: Image.Image, rng: np.random.Generator, share: float = 0.5) -> Image.Image:
    """Shrink one edge, drawn at random, to `share` of its length."""
    shrunk = np.array(image.size, dtype=float)
    shrunk[rng.integers(2)] *= share
    return image.resize((round(shrunk[0]), round(shrunk[1])), LANCZOS)


def perspective(image: Image.Image, rng: np.random.Generator, most: float = 0.2) -> Image.Image:
    """Move each corner inwards by up to `most` of each edge; the rest is one colour."""
    inwards = np.array([(1, 1), (-1, 1), (-1, -1), (1, -1)])
    return _corners_moved(image, rng, inwards * rng.uniform(0, most, (4, 2)))


def keystone(image: Image.Image, rng: np.random.Generator, share: float = 0.5) -> Image.Image:
    """Shrink one edge, drawn at random, to `share` of its length, as if seen from the side."""
    inset = (1 - share) / 2
    along = {"top": (0, 1, 0), "right": (1, 2, 1), "bottom": (3, 2, 0), "left": (0, 3, 1)}
    first, second, axis = along[str(rng.choice(list(along)))]
    moves = np.zeros((4, 2))
    moves[first, axis], moves[second, axis] = inset, -inset
    return _corners_moved(image, rng, moves)


def _corners_moved(
    image: Image.Image, rng: np.random.Generator, moves: NDArray[np.float64]
) -> Image.Image:
    """The image with its corners, clockwise from the top left, moved by shares of its edges."""
    width, height = image.size
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=np.float32)
    moved = (corners + moves * image.size).astype(np.float32)
    colour = tuple(int(level) for level in rng.integers(0, 256, 3))
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return Image.fromarray(
        cv2.warpPerspective(
            np.asarray(image), matrix, image.size, flags=cv2.INTER_LINEAR, borderValue=colour
        )
    )


def swirl(image: Image.Image, rng: np.random.Generator, radians: float = 3) -> Image.Image:
    """Turn the centre by `radians` either way; pixels at the edges hardly move."""
    strength = radians * rng.choice((-1, 1))
    pixels = np.asarray(image, dtype=np.float32)
    return _to_image(
        turn_around_centre(pixels, strength=strength, radius=max(image.size), mode="edge")
    )


# ---- tones ----


def hue_shift(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Turn the hue by 60 to 300 degrees."""
    hue, saturation, value = image.convert("HSV").split()
    turn = int(rng.integers(43, 214))
    hue = hue.point([(level + turn) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def gamma(image: Image.Image, rng: np.random.Generator, exponent: float = 2.2) -> Image.Image:
    """Raise tones from 0 to 1 to `exponent` or to its inverse."""
    power = exponent ** rng.choice((-1, 1))
    return image.point([round(255 * (level / 255) ** power) for level in range(256)] * 3)


def flat(image: Image.Image, rng: np.random.Generator, contrast: float = 0.2) -> Image.Image:
    """Keep `contrast` of every tone's distance from the mean grey."""
    return ImageEnhance.Contrast(image).enhance(contrast)


def sepia(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Colour it like an old photograph."""
    return _to_image(np.asarray(image, dtype=np.float32) @ SEPIA.T)


def inverted(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The negative."""
    return ImageOps.invert(image)


# ---- texture ----


def pixelated(image: Image.Image, rng: np.random.Generator, cells: int = 24) -> Image.Image:
    """Squares of one colour, `cells` of them along the shorter edge."""
    scale = cells / min(image.size)
    small = image.resize((round(image.width * scale), round(image.height * scale)), LANCZOS)
    return small.resize(image.size, NEAREST)


def stylised(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Flat areas with dark outlines (Gastal and Oliveira 2011, OpenCV's defaults)."""
    return Image.fromarray(cv2.stylization(np.asarray(image), sigma_s=60, sigma_r=0.45))


def sketch(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A grey pencil drawing (Gastal and Oliveira 2011, OpenCV's defaults)."""
    grey, _ = cv2.pencilSketch(np.asarray(image), sigma_s=60, sigma_r=0.07, shade_factor=0.05)
    return Image.fromarray(grey).convert("RGB")


# ---- with other pictures ----


def picture_in_picture(
    image: Image.Image,
    rng: np.random.Generator,
    others: Sequence[Image.Image] = (),
    side: float = 0.4,
) -> Image.Image:
    """Paste another picture, `side` times the image's edges, into one of its corners."""
    size = (round(image.width * side), round(image.height * side))
    right, bottom = (int(bit) for bit in rng.integers(2, size=2))
    place = (right * (image.width - size[0]), bottom * (image.height - size[1]))
    image = image.copy()
    image.paste(another_picture(size, rng, others), place)
    return image


def collage(
    image: Image.Image, rng: np.random.Generator, others: Sequence[Image.Image] = ()
) -> Image.Image:
    """Four pictures in two rows; the image, at half its size, is one of them."""
    width, height = image.width // 2, image.height // 2
    own = int(rng.integers(4))
    sheet = Image.new("RGB", (2 * width, 2 * height))
    for place in range(4):
        cell = another_picture((width, height), rng, others)
        if place == own:
            cell = image.resize((width, height), LANCZOS)
        sheet.paste(cell, (place % 2 * width, place // 2 * height))
    return sheet


def template(
    image: Image.Image,
    rng: np.random.Generator,
    others: Sequence[Image.Image] = (),
    redrawn: bool = False,
) -> Image.Image:
    """A template copy (Webster 2023): one region shows something else, and the aspect ratio too.

    The region is a rectangle or an ellipse of 10 to 20 % of the image and lies anywhere. A square
    image becomes 4:3 or 3:4 and any other one becomes square, by a resize or by a crop. Texture
    and outlines are redrawn lightly if wanted (half the strength of `diffusion_like`).
    """
    image = image.copy()
    share, ratio = rng.uniform(0.1, 0.2), rng.uniform(0.6, 1.6)
    is_ellipse = bool(rng.integers(2))
    if is_ellipse:
        share *= 4 / np.pi
    sides = np.sqrt((share * ratio, share / ratio))
    size = (round(image.width * sides[0]), round(image.height * sides[1]))
    left = int(rng.integers(image.width - size[0] + 1))
    top = int(rng.integers(image.height - size[1] + 1))
    mask = Image.new("L", size, 0 if is_ellipse else 255)
    if is_ellipse:
        ImageDraw.Draw(mask).ellipse((0, 0, size[0] - 1, size[1] - 1), fill=255)
    image.paste(another_picture(size, rng, others), (left, top), mask)
    if redrawn:
        image = diffusion_like(image, rng, shift=0.006, grain=4)
    return _other_aspect_ratio(image, rng)


def _other_aspect_ratio(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    shorter, longer = sorted(image.size)
    size = (shorter, shorter)
    if longer <= NEARLY_SQUARE * shorter:
        size = (longer, round(0.75 * longer)) if rng.integers(2) else (round(0.75 * longer), longer)
    if rng.integers(2):
        return image.resize(size, LANCZOS)
    return ImageOps.fit(image, size, LANCZOS, centering=(rng.uniform(), rng.uniform()))


def evasions(others: Sequence[Image.Image] = ()) -> Mapping[str, Transform]:
    """The evasions and template copies by name.

    Args:
        others: RGB pictures that are not references, which are put beside and over copies. Without
            any, random ones are drawn.
    """
    return MappingProxyType(
        {
            "turn 30": turned,
            "upside down": upside_down,
            "halves swapped": halves_swapped,
            "hue": hue_shift,
            "gamma": gamma,
            "contrast 20": flat,
            "sepia": sepia,
            "squeeze 2:1": squeezed,
            "picture in picture": partial(picture_in_picture, others=others),
            "24 px": pixelated,
            "crop 30": partial(crop, side=0.3**0.5),
            "stylised": stylised,
            "collage": partial(collage, others=others),
            "sketch": sketch,
            "perspective": perspective,
            "keystone": keystone,
            "inverted": inverted,
            "swirl": swirl,
            "template": partial(template, others=others),
            "template redrawn": partial(template, others=others, redrawn=True),
        }
    )


def _to_image(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
