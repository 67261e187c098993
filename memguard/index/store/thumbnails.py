"""Thumbnails: a reference's pixels for verification and for reviewers."""

from __future__ import annotations

import io

from PIL import Image

from memguard.vision.layout import with_layout
from memguard.vision.local_features import FEATURE_EDGE_PX
from memguard.vision.picture import Thumbnail

EDGE_PX = FEATURE_EDGE_PX
"""Longer edge of a thumbnail: enough for verification, also for the paper's 16 tiles of 32 px, at
about 15 KB an image."""

LOSSLESS_EDGE_PX = 128
"""Longer edge up to which a thumbnail is stored without loss."""

JPEG_QUALITY = 90
"""With full chroma, the error is an l2 of about 0.01, far below any threshold."""


def encode(image: Image.Image) -> bytes:
    """Encode an RGB image as a shrunken JPEG, or losslessly as PNG if it is small."""
    stream = io.BytesIO()
    longer = max(image.size)
    if longer <= LOSSLESS_EDGE_PX:
        image.save(stream, "PNG")
        return stream.getvalue()
    scale = min(1.0, EDGE_PX / longer)
    width, height = (max(1, round(edge * scale)) for edge in image.size)
    small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    small.save(stream, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return stream.getvalue()


def encode_reference(image: Image.Image) -> bytes:
    """:func:`encode`, followed by the layout of what is decoded from it."""
    encoded = encode(image)
    return with_layout(encoded, Thumbnail(encoded).layout)
