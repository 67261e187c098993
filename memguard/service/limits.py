"""What one request may cost: bytes, seconds, images, pixels."""

from __future__ import annotations

import asyncio
import io
import time
from dataclasses import dataclass

from fastapi import HTTPException
from PIL import Image, UnidentifiedImageError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from memguard.vision.decode import quietly


@dataclass(frozen=True)
class Limits:
    """Limits of a service.

    Attributes:
        body_bytes: of a request's body.
        body_seconds: for a body to arrive.
        images: of one request.
        pixels: width times height of one image, as its header says.
        waiting: images of all requests that may wait for a check; beyond, the answer is 429.
        requests_per_minute: of one key; None for no limit.
    """

    body_bytes: int = 64 << 20
    body_seconds: float = 30.0
    images: int = 32
    pixels: int = 50_000_000
    waiting: int = 64
    requests_per_minute: int | None = None


class BodyLimit:
    """Middleware that ends requests whose body is too large or too slow.

    Args:
        app: the application.
        limits: of the body.
    """

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        end, read, complete = time.monotonic() + self._limits.body_seconds, 0, False

        async def limited() -> Message:
            nonlocal read, complete
            if complete:  # only a disconnection can follow
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(end - time.monotonic(), 0))
            except asyncio.TimeoutError:
                raise HTTPException(408, "the body of the request did not arrive in time") from None
            complete = not message.get("more_body", False)
            read += len(message.get("body", b""))
            if read > self._limits.body_bytes:
                raise HTTPException(
                    413, f"the body is larger than {self._limits.body_bytes:,} bytes"
                )
            return message

        await self._app(scope, limited, send)


def require_size(data: bytes, name: str, limits: Limits) -> None:
    """Refuse an image with too many pixels, before it is decoded.

    Raises:
        HTTPException: 413; or 422 if this is no image.
    """
    try:
        with quietly(), Image.open(io.BytesIO(data)) as image:
            width, height = image.size
    except UnidentifiedImageError:
        raise HTTPException(422, f"{name}: not an image in a format that Pillow reads") from None
    except Exception as error:  # a decompression bomb, or a damaged header
        raise HTTPException(422, f"{name}: {error}") from error
    if width * height > limits.pixels:
        raise HTTPException(
            413, f"{name}: {width} x {height} is more than {limits.pixels:,} pixels"
        )
