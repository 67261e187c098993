"""What a request may hold: files, base64, addresses of allowed hosts; and what is refused."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fixtures.file_server import serving
from fixtures.running_service import files, labels, png, running
from PIL import Image

from memguard import Guard
from memguard.service.app import create_app


@pytest.fixture(scope="module")
def data(photographs: dict[str, Image.Image]) -> bytes:
    return png(photographs["chelsea.png"])


@pytest.fixture(scope="module")
def client(photograph_index: Path) -> Iterator[httpx2.Client]:
    with running(create_app(Guard(photograph_index))) as client:
        yield client


def test_base64_and_data_urls(client: httpx2.Client, data: bytes) -> None:
    text = base64.b64encode(data).decode()
    asked = [{"base64": text, "name": "cat"}, {"base64": f"data:image/png;base64,{text}"}]
    answer = client.post("/v1/check", json={"images": asked})
    assert labels(answer) == ["memorized", "memorized"]
    assert [one["name"] for one in answer.json()["images"]] == ["cat", "image 1"]


def test_an_alpha_channel_hides_nothing(client: httpx2.Client, data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with Image.open(tmp_path / "a.png") as image:
        hidden = image.convert("RGBA")
    hidden.putalpha(0)
    assert labels(client.post("/v1/check", files=files(("a.png", png(hidden))))) == ["memorized"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"json": {"images": []}}, 422),
        ({"json": {"images": [{"base64": "not base64!"}]}}, 422),
        ({"json": {"images": [{"path": "/etc/passwd"}]}}, 422),
        ({"json": {}}, 422),
        ({"json": ["x"]}, 422),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 422),
        ({"content": b"x"}, 415),
        ({"files": [("images", ("x.png", b"no image"))]}, 422),
        ({"files": [("images", ("x.png", b""))]}, 422),
        ({"files": [("other", ("x.png", b"x"))]}, 422),
        ({"data": {"images": "x"}}, 415),
        ({"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}}, 400),
    ],
)
def test_what_is_no_image(client: httpx2.Client, sent: dict[str, Any], status: int) -> None:
    answer = client.post("/v1/check", **sent)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_a_truncated_file_is_named(client: httpx2.Client, data: bytes) -> None:
    sent = files(("whole.png", data), ("half.png", data[: len(data) // 2]))
    answer = client.post("/v1/check", files=sent)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("half.png: ")


def test_images_from_allowed_hosts_only(photograph_index: Path, data: bytes) -> None:
    with serving(data) as server:
        asked = {"images": [{"url": f"{server.address}/cat.png"}]}
        with running(
            create_app(Guard(photograph_index), hosts=[server.address.removeprefix("http://")])
        ) as client:
            assert labels(client.post("/v1/check", json=asked)) == ["memorized"]
            for url in ("http://169.254.169.254/", "file:///etc/passwd", "http://[", "x"):
                answer = client.post("/v1/check", json={"images": [{"url": url}]})
                assert answer.status_code in (403, 422), answer.text
        with running(create_app(Guard(photograph_index))) as client:
            assert client.post("/v1/check", json=asked).status_code == 403
