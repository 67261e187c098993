"""Image files for tests, made from real photographs, and how far two images are apart."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CUT = 64
"""Side of the cuts, in pixels."""

STRIP = 16
"""Height of cuts that take a quarter of the time: their local features are sought in strips."""


def cuts(
    photographs: dict[str, Image.Image], count: int, height: int = CUT
) -> Iterator[Image.Image]:
    """Distinct, overlapping parts of the photographs, the same ones every time."""
    made: set[bytes] = set()
    for step in (48, 31, 17):
        for photograph in photographs.values():
            for top in range(0, photograph.height - height, step):
                for left in range(0, photograph.width - CUT, step):
                    if len(made) == count:
                        return
                    cut = photograph.crop((left, top, left + CUT, top + height))
                    if cut.tobytes() not in made:
                        made.add(cut.tobytes())
                        yield cut
    raise AssertionError(f"the photographs give {len(made)} cuts, not {count}")


def write_cuts(
    photographs: dict[str, Image.Image], folder: Path, count: int, height: int = CUT
) -> list[Path]:
    """Write ``count`` cuts as JPEG files ``0000.jpg`` ... and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04d}.jpg" for number in range(count)]
    for path, image in zip(paths, cuts(photographs, count, height), strict=True):
        image.save(path, quality=90)
    return paths


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def decompression_bomb() -> bytes:
    """A PNG of 60,000 x 60,000 pixels, as its header says, in a few bytes."""
    data = bytearray(encoded(Image.new("L", (1, 1)), "PNG"))
    data[16:24] = (60_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    return bytes(data)


def mean_difference(left: Image.Image, right: Image.Image) -> float:
    """Mean absolute difference of two images of one size, in levels of 255."""
    assert left.size == right.size
    a, b = (np.asarray(image.convert("RGB"), dtype=float) for image in (left, right))
    return float(np.abs(a - b).mean())
