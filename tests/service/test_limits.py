"""Bodies that are too large or too slow, and images with too many pixels, are refused."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fixtures.running_service import SECONDS, files, png, running
from PIL import Image

from memguard import Guard
from memguard.service.app import create_app
from memguard.service.limits import Limits

LIMITS = Limits(body_bytes=20_000, body_seconds=0.2, images=3, pixels=10_000)
SMALL = png(Image.linear_gradient("L").resize((100, 100)))


@pytest.fixture(scope="module")
def client(photograph_index: Path) -> Iterator[httpx2.Client]:
    with running(create_app(Guard(photograph_index), limits=LIMITS)) as client:
        yield client


def detail(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


def test_within_the_limits(client: httpx2.Client) -> None:
    sent = files(*[(f"{number}.png", SMALL) for number in range(LIMITS.images)])
    assert client.post("/v1/check", files=sent).status_code == 200


def test_too_many_pixels(client: httpx2.Client) -> None:
    large = png(Image.new("1", (101, 100)))
    status, said = detail(client.post("/v1/check", files=files(("large.png", large))))
    assert (status, said) == (413, "large.png: 101 x 100 is more than 10,000 pixels")


def test_a_decompression_bomb(client: httpx2.Client) -> None:
    bomb = png(Image.new("1", (20_000, 20_000)))
    assert len(bomb) > LIMITS.body_bytes or detail(
        client.post("/v1/check", files=files(("bomb.png", bomb)))
    )[0] in (413, 422)


def test_too_many_images(client: httpx2.Client) -> None:
    sent = files(*[(f"{number}.png", SMALL) for number in range(LIMITS.images + 1)])
    assert client.post("/v1/check", files=sent).status_code == 400
    asked = {"images": [{"base64": ""}] * (LIMITS.images + 1)}
    assert detail(client.post("/v1/check", json=asked)) == (
        413,
        "more than 3 images in one request",
    )


def test_too_many_bytes(client: httpx2.Client) -> None:
    answer = client.post("/v1/check", files=files(("x.png", b"x" * LIMITS.body_bytes)))
    assert detail(answer) == (413, "the body is larger than 20,000 bytes")


def test_too_many_bytes_without_a_length(client: httpx2.Client) -> None:
    pieces = (b"x" * 1000 for _ in range(100))
    headers = {"Content-Type": "application/json"}
    assert client.post("/v1/check", content=pieces, headers=headers).status_code == 413


def test_a_slow_client(client: httpx2.Client) -> None:
    place = client.base_url.host, client.base_url.port
    with socket.create_connection(place, timeout=SECONDS) as raw:
        raw.sendall(
            b"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 408")
