"""The image API behind a service: its answer, its errors, and its silence."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import pytest
from fixtures.images_api import images_api
from fixtures.loopback import served

from memguard.service.upstream import Upstream, UpstreamError


def asked(upstream: Upstream, **fields: object) -> dict[str, object]:
    return asyncio.run(upstream(**fields))


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[str, list[str | None]]]:
    """An address that always answers so, and the keys that it was sent."""
    sent: list[str | None] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            sent.append(self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with served(Answers) as place:
        yield f"http://{place}", sent


def test_the_answer_is_handed_on() -> None:
    with images_api(b"image") as api:
        found = asked(Upstream(f"{api.address}/v1/images/generations"), prompt="a cat", n=1)
        assert api.requests == [{"prompt": "a cat", "n": 1}]
    assert isinstance(found["data"], list)


def test_the_key_is_sent() -> None:
    with answering(200, b"{}") as (url, sent):
        asked(Upstream(url, "secret"))
        asked(Upstream(url))
    assert sent == ["Bearer secret", None]


@pytest.mark.parametrize(
    ("status", "body", "seen"),
    [(400, b'{"error": "no"}', 400), (500, b"x", 500), (200, b"[]", 502), (200, b"no JSON", 502)],
)
def test_errors_are_told(status: int, body: bytes, seen: int) -> None:
    with answering(status, body) as (url, _), pytest.raises(UpstreamError) as error:
        asked(Upstream(url))
    assert error.value.status == seen


def test_nobody_is_there() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(UpstreamError, match="does not answer") as error:
        asked(Upstream(f"http://127.0.0.1:{port}"))
    assert error.value.status == 502
