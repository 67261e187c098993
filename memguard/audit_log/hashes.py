"""What names an image and a prompt in a log without holding them.

Whoever guesses a prompt can confirm the guess: a hash of a short text is no secret.
"""

from __future__ import annotations

import hashlib

from PIL import Image

from memguard.vision.decode import to_rgb


def image_sha256(image: Image.Image) -> str:
    """SHA-256 of ``RGB 512x768``, a newline, and the bytes of the pixels, row by row.

    The same for every lossless file of the image. Of a JPEG file it is that of the decoded pixels,
    which are not those that were checked.
    """
    pixels = to_rgb(image)
    digest = hashlib.sha256(f"RGB {pixels.width}x{pixels.height}\n".encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()


def text_sha256(text: str) -> str:
    """SHA-256 of the UTF-8 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
