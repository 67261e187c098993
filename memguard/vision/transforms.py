"""Simulated copies: what a generative model or an evader may make of a training image.

Every transform takes an RGB image and a random generator and returns a new RGB image. The same
image and the same generator state give the same result. Sizes are fractions of the image, so a
transform means the same at every resolution.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from io import BytesIO
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

Transform = Callable[[Image.Image, np.random.Generator], Image.Image]

BICUBIC = Image.Resampling.BICUBIC
LANCZOS = Image.Resampling.LANCZOS


def jpeg(image: Image.Image, rng: np.random.Generator, quality: int = 30) -> Image.Image:
    """Compress as JPEG at `quality` (1 to 95) and decompress."""
    stream = BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


def gaussian_noise(image: Image.Image, rng: np.random.Generator, sigma: float) -> Image.Image:
    """Add independent Gaussian noise of standard deviation `sigma` (0 to 255) to every channel."""
    pixels = np.asarray(image, dtype=np.float32)
    return _to_image(pixels + rng.normal(0, sigma, pixels.shape))


def blur(image: Image.Image, rng: np.random.Generator, fraction: float = 0.008) -> Image.Image:
    """Blur with a Gaussian whose standard deviation is `fraction` of the shorter edge."""
    return image.filter(ImageFilter.GaussianBlur(fraction * min(image.size)))


def down_and_up(image: Image.Image, rng: np.random.Generator, edge: int = 64) -> Image.Image:
    """Shrink until the shorter edge has `edge` pixels, then enlarge to the old size."""
    scale = edge / min(image.size)
    small = image.resize((round(image.width * scale), round(image.height * scale)), LANCZOS)
    return small.resize(image.size, BICUBIC)


def colour_jitter(
    image: Image.Image, rng: np.random.Generator, strength: float = 0.4
) -> Image.Image:
    """Change brightness, contrast and saturation by up to `strength`, and hue by up to 18 degrees.

    The same four changes as torchvision's `ColorJitter`.
    """
    for enhancer in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        image = enhancer(image).enhance(rng.uniform(1 - strength, 1 + strength))
    hue, saturation, value = image.convert("HSV").split()
    turn = int(rng.integers(-13, 14))
    hue = hue.point([(level + turn) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert("RGB")


def mirror(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Swap left and right."""
    return ImageOps.mirror(image)


def crop(image: Image.Image, rng: np.random.Generator, side: float) -> Image.Image:
    """Cut out a window of `side` times each edge at a random place, enlarged to the old size."""
    width, height = round(image.width * side), round(image.height * side)
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.resize(image.size, BICUBIC, box=(left, top, left + width, top + height))


def turn(image: Image.Image, rng: np.random.Generator, degrees: float = 10) -> Image.Image:
    """Rotate by `degrees` either way; the corners become black."""
    return image.rotate(degrees * rng.choice((-1, 1)), BICUBIC)


def text_and_border(
    image: Image.Image, rng: np.random.Generator, border: float = 0.12
) -> Image.Image:
    """Write a line of text across the image and frame it with a border of one colour.

    The border is `border` times the longer edge on every side.
    """
    image = image.copy()
    background, ink = (tuple(int(level) for level in rng.integers(0, 256, 3)) for _ in range(2))
    words = "".join(chr(letter) for letter in rng.integers(ord("A"), ord("Z") + 1, 8))
    place = (0.08 * image.width, image.height * rng.uniform(0.1, 0.7))
    font = ImageFont.load_default(size=0.15 * image.width)
    ImageDraw.Draw(image).text(place, words, fill=ink, font=font)
    return ImageOps.expand(image, round(border * max(image.size)), fill=background)


def inset(
    image: Image.Image,
    rng: np.random.Generator,
    others: Sequence[Image.Image] = (),
    side: float = 0.6,
) -> Image.Image:
    """Paste the image, shrunk to `side` times its edges, at a random place in another picture."""
    frame = another_picture(image.size, rng, others)
    small = image.resize((round(image.width * side), round(image.height * side)), LANCZOS)
    left = int(rng.integers(image.width - small.width + 1))
    top = int(rng.integers(image.height - small.height + 1))
    frame.paste(small, (left, top))
    return frame


def diffusion_like(
    image: Image.Image, rng: np.random.Generator, shift: float = 0.012, grain: float = 8
) -> Image.Image:
    """Imitate a memorized sample: fine detail redrawn, outlines a little displaced, tones drifted.

    Detail below 1/128 of the shorter edge is removed, outlines wander smoothly by a standard
    deviation of `shift` times the shorter edge, tones drift smoothly by 8 levels, and smooth
    grain of `grain` levels (of 255) imitates invented texture. Prefer samples of a real model.
    """
    pixels = np.asarray(down_and_up(image, rng, edge=128), dtype=np.float32)
    height, width, _ = pixels.shape
    rows, columns = np.mgrid[:height, :width]
    sway = [shift * min(image.size) * smooth_field(image.size, rng, cells=6) for _ in range(2)]
    rows = np.clip(np.rint(rows + sway[0]), 0, height - 1).astype(int)
    columns = np.clip(np.rint(columns + sway[1]), 0, width - 1).astype(int)
    warped = pixels[rows, columns]
    drift = np.stack([8 * smooth_field(image.size, rng, cells=3) for _ in range(3)], axis=-1)
    texture = grain * smooth_field(image.size, rng, cells=96)[..., None]
    return _to_image(warped + drift + texture).filter(ImageFilter.MedianFilter(3))


def grey_posterized(image: Image.Image, rng: np.random.Generator, bits: int = 2) -> Image.Image:
    """Stretch the grey levels to the full range and keep `bits` bits of them."""
    return ImageOps.posterize(ImageOps.autocontrast(image.convert("L")), bits).convert("RGB")


def blend(
    image: Image.Image,
    rng: np.random.Generator,
    others: Sequence[Image.Image] = (),
    share: float = 0.3,
) -> Image.Image:
    """Mix the image with `share` of another picture."""
    return Image.blend(image, another_picture(image.size, rng, others), share)


def another_picture(
    size: tuple[int, int], rng: np.random.Generator, others: Sequence[Image.Image]
) -> Image.Image:
    """One of `others`, chosen at random and cropped to `size`, or dead leaves if there are none."""
    if others:
        return ImageOps.fit(others[int(rng.integers(len(others)))], size, BICUBIC)
    return dead_leaves(size, rng)


def dead_leaves(size: tuple[int, int], rng: np.random.Generator, leaves: int = 400) -> Image.Image:
    """Draw a random picture with the statistics of a photograph: discs that occlude each other.

    Radii follow the power law r^-3 between 2 % and 50 % of the longer edge, which makes the
    picture scale invariant (Lee, Mumford and Huang 2001, "Occlusion models for natural images").
    """
    image = Image.new("RGB", size)
    draw = ImageDraw.Draw(image)
    smallest, largest = 0.02 * max(size), 0.5 * max(size)
    share = rng.uniform(size=leaves)
    radii = (smallest**-2 - share * (smallest**-2 - largest**-2)) ** -0.5
    centres = rng.uniform(size=(leaves, 2)) * size
    colours = rng.integers(0, 256, (leaves, 3))
    draw.rectangle((0, 0, *size), fill=tuple(colours[0].tolist()))
    for (x, y), radius, colour in zip(centres, radii, colours, strict=True):
        draw.circle((x, y), radius, fill=tuple(colour.tolist()))
    return image


def smooth_field(
    size: tuple[int, int], rng: np.random.Generator, cells: int
) -> NDArray[np.float32]:
    """A smooth random field with mean 0 and standard deviation 1.

    Args:
        size: width and height in pixels.
        rng: the source of randomness.
        cells: how many independent values lie along each edge.

    Returns:
        float32 (height, width).
    """
    coarse = rng.normal(size=(cells, cells)).astype(np.float32)
    field = np.asarray(Image.fromarray(coarse).resize(size, BICUBIC))
    return np.asarray((field - field.mean()) / field.std(), dtype=np.float32)


def simulated_copies(others: Sequence[Image.Image] = ()) -> Mapping[str, Transform]:
    """The transforms of memguard's benchmark, by name.

    Args:
        others: RGB pictures that are not references, into which copies are pasted and with which
            they are blended. Without any, random ones are drawn.
    """
    return MappingProxyType(
        {
            "jpeg 30": jpeg,
            "noise 25": partial(gaussian_noise, sigma=25),
            "noise 60": partial(gaussian_noise, sigma=60),
            "blur": blur,
            "64 px": down_and_up,
            "colour": colour_jitter,
            "mirror": mirror,
            "crop 80": partial(crop, side=0.8),
            "crop 50": partial(crop, side=0.5),
            "turn 10": turn,
            "text+border": text_and_border,
            "inset 60": partial(inset, others=others),
            "diffusion-like": diffusion_like,
            "grey/poster": grey_posterized,
            "blend 70/30": partial(blend, others=others),
        }
    )


SIMULATED_COPIES: Mapping[str, Transform] = simulated_copies()


def _to_image(pixels: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
