"""Thumbnails: a reference's pixels for verification and for reviewers."""

from __future__ import annotations

import io

from PIL import Image

from memguard.vision.layout import BYTES, Layout
from memguard.vision.local_features import FEATURE_EDGE_PX, LocalFeatures
from memguard.vision.picture import Thumbnail

EDGE_PX = FEATURE_EDGE_PX
"""Longer edge of a thumbnail: enough for verification, also for the paper's 16 tiles of 32 px, at
about 15 KB an image."""

LOSSLESS_EDGE_PX = 128
"""Longer edge up to which a thumbnail is stored without loss."""

JPEG_QUALITY = 90
"""With full chroma, the error is an l2 of about 0.01, far below any threshold."""


LAYOUT_MARK = b"memguard layout\n"
"""Ends a file whose last bytes are a layout. Decoders stop before them, where the image ends."""


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
    return encoded + Thumbnail(encoded).layout.to_bytes() + LAYOUT_MARK


def picture(thumbnail: bytes, features: LocalFeatures | None) -> Thumbnail:
    """The picture of a thumbnail, with its layout if it has one: older versions stored none."""
    if not thumbnail.endswith(LAYOUT_MARK):
        return Thumbnail(thumbnail, features)
    end = len(thumbnail) - len(LAYOUT_MARK)
    return Thumbnail(thumbnail, features, Layout.from_bytes(thumbnail[end - BYTES : end]))
