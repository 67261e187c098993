"""Thumbnails: what is kept of a reference's pixels, for verification and for reviewers."""

from __future__ import annotations

import io

from PIL import Image

SHORT_EDGE = 128
"""Pixels on the short edge: the paper's 16 tiles are then 32 px square, enough for its tiled l2,
at about 8 KB an image. The aspect ratio is kept, up to :data:`MAX_ASPECT`."""

MAX_ASPECT = 4
"""A longer strip is squeezed to this ratio of long to short edge."""

QUALITY = 90
"""JPEG quality; with full chroma the error is an l2 of about 0.01, far below any threshold."""


def encode(image: Image.Image) -> bytes:
    """RGB image -> JPEG of the shrunken image, or lossless PNG of one that is small already."""
    scale = SHORT_EDGE / min(image.size)
    stream = io.BytesIO()
    if scale >= 1 and max(image.size) <= SHORT_EDGE * MAX_ASPECT:
        image.save(stream, "PNG")
    else:
        width, height = (
            max(1, min(round(edge * scale), SHORT_EDGE * MAX_ASPECT)) for edge in image.size
        )
        small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        small.save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()
