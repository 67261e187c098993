"""Versions of one picture, as training sets hold them: crops, recolours, retouches, bursts.

They are near-duplicates to a person. A training set with them says little about novel images by
leave-one-out, since the nearest reference of a picture is its own version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from zlib import crc32

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from benchmarks.common.pictures import Picture
from memguard.vision.transforms import (
    BICUBIC,
    LANCZOS,
    Transform,
    colour_jitter,
    dead_leaves,
    gaussian_noise,
    jpeg,
)

MOST_VERSIONS, FEWEST_VERSIONS = 5, 3
"""Of one picture, itself included."""


def trimmed(image: Image.Image, rng: np.random.Generator, most: float = 0.25) -> Image.Image:
    """Cut up to `most` off each edge, without enlarging what is left."""
    shares = 1 - rng.uniform(0.08, most, 2)
    width, height = round(image.width * shares[0]), round(image.height * shares[1])
    left = int(rng.integers(image.width - width + 1))
    top = int(rng.integers(image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def recoloured(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Other brightness, contrast, saturation, hue; one in four is grey."""
    if rng.integers(4) == 0:
        image = ImageEnhance.Color(image).enhance(0)
    return colour_jitter(image, rng, strength=0.25)


def resized(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Half to four fifths of the size, compressed for the web."""
    scale = rng.uniform(0.5, 0.8)
    small = image.resize((round(image.width * scale), round(image.height * scale)), LANCZOS)
    return jpeg(small, rng, quality=int(rng.integers(50, 80)))


def retouched(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Sharpened, and one soft patch of 1 to 4 % of the image shows something else."""
    side = rng.uniform(0.1, 0.2)
    size = (round(image.width * side), round(image.height * side))
    left = int(rng.integers(image.width - size[0] + 1))
    top = int(rng.integers(image.height - size[1] + 1))
    soft = max(1, min(size) // 8)
    mask = Image.new("L", size)
    mask.paste(255, (soft, soft, size[0] - soft, size[1] - soft))
    mask = mask.filter(ImageFilter.GaussianBlur(soft / 2))
    image = image.filter(ImageFilter.UnsharpMask(radius=1.5, percent=60))
    image.paste(
        dead_leaves(size, rng), (left, top), mask.filter(ImageFilter.GaussianBlur(soft / 2))
    )
    return image


def next_shot(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The next picture of a burst: moved, turned and zoomed a little, with noise of its own."""
    turned = image.rotate(rng.uniform(-2, 2), BICUBIC)
    shares = rng.uniform(0.04, 0.08, 4) * np.tile(image.size, 2)
    box = (shares[0], shares[1], image.width - shares[2], image.height - shares[3])
    moved = turned.resize(image.size, BICUBIC, box=box)
    lit = ImageEnhance.Brightness(moved).enhance(rng.uniform(0.92, 1.08))
    return gaussian_noise(lit, rng, sigma=3)


CHANGES: Mapping[str, Transform] = MappingProxyType(
    {
        "trimmed": trimmed,
        "recoloured": recoloured,
        "resized": resized,
        "retouched": retouched,
        "next shot": next_shot,
    }
)
"""What makes a version, by name."""


def with_versions(pictures: Sequence[Picture], folder: Path) -> Iterator[Picture]:
    """Each picture and 2 to 4 other versions of it, saved in `folder` unless they are there.

    File names do not tell which pictures belong together, and neither does their order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        yield picture
        rng = np.random.default_rng(crc32(picture.path.name.encode()))
        count = int(rng.integers(FEWEST_VERSIONS, MOST_VERSIONS + 1)) - 1
        for name in rng.permutation(list(CHANGES))[:count]:
            seed = crc32(f"{name} {picture.path.name}".encode())
            path = folder / f"{seed:08x}.png"
            if not path.exists():
                version = CHANGES[name](picture.open(), np.random.default_rng(seed))
                version.save(path, compress_level=1)
            yield Picture(path, picture.kind, picture.group)
