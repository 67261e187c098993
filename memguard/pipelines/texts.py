"""Images as text: base64, data URLs, and the addresses of images."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes, urlsplit

from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.pipelines.encoded import image_format

BASE64_NAMES = frozenset(["b64json", "b64", "base64", "b64image", "base64image", "imagebase64"])
"""Names of fields, without underscores, whose text is an image in base64."""

URL_NAMES = frozenset(
    f"{what}{kind}"
    for what in ("", "image", "img", "file", "media", "output", "public", "signed", "download")
    for kind in ("url", "uri", "src")
)
"""Names of fields, without underscores, whose text is the address of an image."""

IMAGE_SUFFIXES = frozenset(Image.registered_extensions()) - {".pdf", ".ps", ".eps", ".mpg", ".mpeg"}
"""Endings of the addresses of images, whatever the field is called."""

SHORTEST = 256
"""Shorter base64 shows nothing, where text need not be an image: less than 192 bytes."""

DATA_URL = re.compile(r"(data:([^,;]*)[^,]*,)(.*)\Z", re.DOTALL | re.IGNORECASE)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+\Z", re.IGNORECASE)


@dataclass(frozen=True)
class EncodedText:
    """An encoded image, written as text.

    Attributes:
        data: the encoded image.
        like: another encoded image, written in the same way.
    """

    data: bytes
    like: Callable[[bytes], str]


def encoded_text(text: str, *, required: bool) -> EncodedText | None:
    """The image that a base64 text or a data URL holds; None for other text.

    Args:
        text: any text.
        required: whether any base64 must be an image.

    Raises:
        UnsupportedOutputError: see :func:`memguard.pipelines.encoded.image_format`; or the text is
            a damaged data URL of an image, or, if ``required``, base64 of something else.
    """
    parts = DATA_URL.match(text.strip())
    if parts:
        return _of_data_url(*parts.groups())
    if not required and len(text) < SHORTEST:
        return None
    compact = "".join(text.split())
    head, alphabet = compact[:SHORTEST], b"-_" if {"-", "_"} & {*compact} else b"+/"
    start = _decoded(head[: len(head) // 4 * 4], alphabet)
    if not start or image_format(start) is None:
        if required and not is_address(text):
            raise UnsupportedOutputError(
                "memguard found text in an output where an image should be, which is no base64 of "
                "an image, no data URL and no address; return Pillow images, arrays or tensors"
            )
        return None
    return EncodedText(
        _whole(compact, alphabet), lambda data: base64.b64encode(data, alphabet).decode()
    )


def is_address(text: str) -> bool:
    """Whether a text is an address, and nothing else."""
    return bool(ADDRESS.match(text.strip()))


def is_address_of_image(text: str, name: object) -> bool:
    """Whether a text is an address, and of an image by its field's name or by its ending."""
    if not is_address(text):
        return False
    try:
        path = PurePosixPath(urlsplit(text.strip()).path)
    except ValueError:
        return _plain(name) in URL_NAMES
    return _plain(name) in URL_NAMES or path.suffix.lower() in IMAGE_SUFFIXES


def is_base64_name(name: object) -> bool:
    """Whether a field of this name holds an image in base64."""
    return _plain(name) in BASE64_NAMES


def data_url(data: bytes) -> str:
    """An encoded image as a data URL."""
    kind = Image.MIME.get(image_format(data) or "", "application/octet-stream")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _of_data_url(head: str, kind: str, content: str) -> EncodedText | None:
    in_base64 = head.lower().endswith(";base64,")
    data = unquote_to_bytes(content)
    if in_base64:
        compact = b"".join(data.split()).decode("latin-1")
        data = _whole(compact, b"-_" if {"-", "_"} & {*compact} else b"+/")
    if image_format(data) is None:
        if kind.lower().startswith(("image/", "video/")):
            raise UnsupportedOutputError(f"memguard cannot read a data URL of {kind} in an output")
        return None
    return EncodedText(data, data_url)


def _whole(compact: str, alphabet: bytes) -> bytes:
    data = _decoded(compact, alphabet)
    if data is None:
        raise UnsupportedOutputError("memguard found damaged base64 of an image in an output")
    return data


def _decoded(compact: str, alphabet: bytes) -> bytes | None:
    padded = compact.rstrip("=") + "=" * (-len(compact.rstrip("=")) % 4)
    try:
        return base64.b64decode(padded, alphabet, validate=True)
    except (binascii.Error, ValueError):
        return None


def _plain(name: object) -> str:
    return re.sub(r"[_-]", "", str(name)).lower()
