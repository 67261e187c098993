"""Thumbnails: a reference's pixels for verification and for reviewers."""

from __future__ import annotations

import io

from PIL import Image

from memguard.vision.local_features import FEATURE_EDGE_PX

EDGE = FEATURE_EDGE_PX
"""Pixels on the longer edge: all that verification looks at, the paper's 16 tiles of 32 px
included, at about 15 KB an image."""

SMALL = 128
"""A longer edge up to this is kept without loss."""

QUALITY = 90
"""JPEG quality; with full chroma the error is an l2 of about 0.01, far below any threshold."""


def encode(image: Image.Image) -> bytes:
    """RGB image -> JPEG of the shrunken image, or lossless PNG of one that is small already."""
    stream = io.BytesIO()
    longer = max(image.size)
    if longer <= SMALL:
        image.save(stream, "PNG")
        return stream.getvalue()
    scale = min(1.0, EDGE / longer)
    width, height = (max(1, round(edge * scale)) for edge in image.size)
    small = image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    small.save(stream, "JPEG", quality=QUALITY, subsampling=0)
    return stream.getvalue()
