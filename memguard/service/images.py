"""The images of a request: files of a form, base64, or addresses; read within the limits."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from PIL import Image
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from memguard.errors import UnreadableImageError
from memguard.service.limits import Limits, require_size
from memguard.service.schema import Base64Image, CheckRequest, UrlImage
from memguard.sources.fetch import Fetch
from memguard.vision.decode import decode

FORM_FIELD = "images"
FIELD_BYTES = 1 << 20
"""Starlette keeps larger parts of a form on disk."""


@dataclass(frozen=True)
class SentImage:
    """An image that was sent, decoded.

    Attributes:
        name: what the sender calls it, or its place.
        sha256: of its bytes.
        image: upright, RGB or RGBA.
    """

    name: str
    sha256: str
    image: Image.Image


async def read_images(request: Request, limits: Limits, fetch: Fetch) -> list[SentImage]:
    """The images of a request.

    Args:
        request: of multipart form data, or JSON as in :class:`CheckRequest`.
        limits: of the service.
        fetch: gets images from its ``hosts``, and from no others.

    Raises:
        HTTPException: 413 for too much, 415 for another kind of body, 422 for what is no image.
        RequestValidationError: the JSON has another shape.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        files = await _files(request, limits)
    elif kind == "application/json":
        files = await _asked(request, limits, fetch)
    else:
        raise HTTPException(415, "send multipart/form-data or application/json")
    return await run_in_threadpool(_decoded, files, limits)


async def _files(request: Request, limits: Limits) -> list[tuple[str, bytes]]:
    async with request.form(max_files=limits.images, max_fields=limits.images) as form:
        parts = form.getlist(FORM_FIELD)
        if not parts or not all(isinstance(part, UploadFile) for part in parts):
            raise HTTPException(422, f"the form needs files, each in a field named {FORM_FIELD!r}")
        return [
            (part.filename or f"image {at}", await part.read())
            for at, part in enumerate(parts)
            if isinstance(part, UploadFile)
        ]


async def _asked(request: Request, limits: Limits, fetch: Fetch) -> list[tuple[str, bytes]]:
    try:
        asked = CheckRequest.model_validate_json(await request.body())
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_input=False, include_url=False)) from None
    if len(asked.images) > limits.images:
        raise HTTPException(413, f"more than {limits.images} images in one request")
    return [
        await run_in_threadpool(_fetched, one, fetch)
        if isinstance(one, UrlImage)
        else (one.name or f"image {at}", _from_base64(one, at))
        for at, one in enumerate(asked.images)
    ]


def _from_base64(one: Base64Image, at: int) -> bytes:
    text = one.base64.partition(",")[2] if one.base64.startswith("data:") else one.base64
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise HTTPException(422, f"image {at}: not base64") from None


def _fetched(one: UrlImage, fetch: Fetch) -> tuple[str, bytes]:
    try:
        place = urlsplit(one.url)
        named = {place.hostname, place.netloc.rpartition("@")[2]}
    except ValueError:
        raise HTTPException(422, "an image's url cannot be read") from None
    if not named & set(fetch.hosts):
        raise HTTPException(403, f"images from {place.hostname} are not allowed here")
    try:
        return f"{place.hostname}{place.path}", fetch(one.url)
    except UnreadableImageError as error:
        raise HTTPException(422, str(error)) from None


def _decoded(files: Sequence[tuple[str, bytes]], limits: Limits) -> list[SentImage]:
    found = []
    for name, data in files:
        require_size(data, name, limits)
        try:
            image, _ = decode(data, alpha=True)
        except UnreadableImageError as error:
            raise HTTPException(422, f"{name}: {error}") from None
        found.append(SentImage(name, hashlib.sha256(data).hexdigest(), image))
    return found
