"""An image API behind the service, in the shape of OpenAI's: its images are checked on the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2

SECONDS = 300.0
"""For an answer of the API."""


class UpstreamError(Exception):
    """The API behind the service made no images.

    Attributes:
        status: of its answer; 502 without one.
        detail: what it said.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True)
class Upstream:
    """An image API: ``await upstream(prompt="a cat", n=2)`` is its answer to these fields.

    Attributes:
        url: of ``images/generations``.
        key: sent as a bearer token; None for none.
    """

    url: str
    key: str | None = None

    async def __call__(self, **asked: Any) -> dict[str, Any]:
        """The API's answer.

        Raises:
            UpstreamError: it is an error, no JSON object, or none came.
        """
        headers = {} if self.key is None else {"Authorization": f"Bearer {self.key}"}
        try:
            async with httpx2.AsyncClient(timeout=SECONDS) as client:
                answer = await client.post(self.url, json=asked, headers=headers)
            made = answer.json() if answer.is_success else None
        except (httpx2.HTTPError, ValueError) as error:
            reason = f"{error}" or type(error).__name__
            raise UpstreamError(502, f"the image API does not answer: {reason}") from error
        if not isinstance(made, dict):
            raise UpstreamError(answer.status_code if made is None else 502, answer.text[:1000])
        return made
