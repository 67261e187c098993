"""Images as text: base64, data URLs, and the addresses of images."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from PIL import Image

from memguard.errors import UnsupportedOutputError
from memguard.files import read_regular
from memguard.pipelines.containers import refuse
from memguard.pipelines.encoded import encoded_like, image_format, read_encoded
from memguard.pipelines.pictures import Output, Shown, Unreadable, one, without_pictures

BASE64_NAMES = frozenset(["b64json", "b64", "base64", "b64image", "base64image", "imagebase64"])
"""Names of fields whose text is an image in base64; without underscores, in the singular."""

URL_NAMES = frozenset(
    f"{what}{kind}"
    for what in ("", "image", "img", "file", "media", "output", "public", "signed", "download")
    for kind in ("url", "uri", "src")
)
"""Names of fields whose text is the address of an image."""

IMAGE_SUFFIXES = frozenset(Image.registered_extensions()) - {".pdf", ".ps", ".eps", ".mpg", ".mpeg"}
"""Endings of the addresses of images, whatever the field is called."""

SHORTEST = 256
"""Shorter base64 shows nothing, where text need not be an image: less than 192 bytes."""

UNKNOWN_SIZE = (512, 512)
"""Size of the placeholder for an image that could not be fetched."""

RUN = re.compile(r"[A-Za-z0-9+/_-]{60,}")
"""Base64 inside a text; mails have lines of 76 characters."""

EMBEDDED = re.compile(r"\bdata:(image|video)/", re.IGNORECASE)
"""A data URL of a picture inside a text, such as HTML."""

LONGEST_PATH = 4096
"""Longer texts are no paths, on Linux."""

DATA_URL = re.compile(r"(data:([^,;]*)[^,]*,)(.*)\Z", re.DOTALL | re.IGNORECASE)
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+\Z", re.IGNORECASE)


@dataclass(frozen=True)
class Link(Unreadable):
    """An image that is given by its address: unreadable until it is fetched."""

    url: str


def text_output(text: str, name: object = None, *, required: bool = False) -> Output:
    """The output that a text is.

    Args:
        text: base64, a data URL, an address, or any other text.
        name: of the field in which it stands.
        required: whether it must show an image.

    Raises:
        UnsupportedOutputError: see :func:`encoded_text`; or the image is damaged.
    """
    required = (required or is_base64_name(name)) and bool(text.strip())
    found = encoded_text(text, required=required)
    if found is not None:
        return _encoded_output(text, found)
    if is_address(text) if required else is_address_of_image(text, name):
        link = Link("an image is given by its address, which was not fetched", text.strip())
        return one(link, text, lambda image: data_url(_png(image.resize(UNKNOWN_SIZE))))
    _require_no_picture_inside(text)
    return file_output(text, text)


def file_output(path: str | bytes, piece: Any) -> Output:
    """The output that the path of an image file is, if there is such a file: whoever gets the path
    may show it.

    Args:
        path: any text, or the path as bytes.
        piece: what the output holds; cannot be exchanged.
    """
    name = os.fsdecode(path)
    suffix = os.path.splitext(name)[1].lower()
    if suffix not in IMAGE_SUFFIXES or len(name) > LONGEST_PATH or "\0" in name:
        return without_pictures(piece)
    if not os.path.isfile(name):
        return without_pictures(piece)
    try:
        picture: Shown = read_encoded(read_regular(Path(name)))
    except (OSError, UnsupportedOutputError) as error:
        picture = Unreadable(f"an image that was given by its path: {error}")
    return one(picture, piece, lambda _: refuse(piece))


def _require_no_picture_inside(text: str) -> None:
    """Refuse pictures among other text: HTML, Markdown, JSON ...

    Raises:
        UnsupportedOutputError: there is one.
    """
    if len(text) < SHORTEST:
        return
    starts = (_start(run.group()) for run in RUN.finditer(text))
    if EMBEDDED.search(text) or any(start and image_format(start) for start in starts):
        raise UnsupportedOutputError(
            "a text of an output holds an image among other text; return the image by itself"
        )


def _encoded_output(text: str, found: EncodedText) -> Output:
    picture = read_encoded(found.data)
    return one(
        picture,
        text,
        lambda image: found.like(encoded_like(image.resize(picture.size), found.data)),
    )


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
    alphabet, start = _alphabet(compact), _start(compact)
    if not start or image_format(start) is None:
        if required and not is_address(text):
            raise UnsupportedOutputError(
                "memguard found no images in an output of type str: it is neither base64 of an "
                "image, nor a data URL or an address; return Pillow images, arrays or tensors"
            )
        return None
    return EncodedText(
        _whole(compact, alphabet), lambda data: base64.b64encode(data, alphabet).decode()
    )


def is_address(text: str) -> bool:
    """Whether a text is an address, and nothing else."""
    return bool(ADDRESS.match(text.strip()))


def is_address_of_image(text: str, name: object) -> bool:
    """Whether a text is the address of an image: by its field's name, relative addresses too, or by
    its ending."""
    if _plain(name) in URL_NAMES:
        return len(text.split()) == 1
    if not is_address(text):
        return False
    try:
        path = PurePosixPath(urlsplit(text.strip()).path)
    except ValueError:
        return False
    return path.suffix.lower() in IMAGE_SUFFIXES


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
        data = _whole(compact, _alphabet(compact))
    if image_format(data) is None:
        if kind.lower().startswith(("image/", "video/")):
            raise UnsupportedOutputError(f"memguard cannot read a data URL of {kind} in an output")
        return None
    return EncodedText(data, data_url)


def _alphabet(compact: str) -> bytes:
    """The two characters of base64 that differ between its alphabets."""
    return b"-_" if {"-", "_"} & {*compact} else b"+/"


def _start(compact: str) -> bytes | None:
    """The first bytes of base64 without spaces; None of other text."""
    head = compact[:SHORTEST]
    return _decoded(head[: len(head) // 4 * 4], _alphabet(head))


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
    return re.sub(r"[_-]", "", str(name)).lower().removesuffix("s")


def _png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
