"""A remote API's copy is asked for again; the server answers like OpenAI's images endpoint."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from PIL import Image


class ImagesServer(HTTPServer):
    """Answers with ``images`` in turn, and keeps what was asked."""

    images: list[bytes]
    requests: list[dict[str, object]]


class ImagesHandler(BaseHTTPRequestHandler):
    server: ImagesServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(
            {"path": self.path, "authorization": self.headers["Authorization"], **body}
        )
        data = base64.b64encode(self.server.images.pop(0)).decode()
        answer = json.dumps({"created": 0, "data": [{"b64_json": data}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(answer)


@pytest.fixture
def server(examples: Path, tmp_path: Path) -> Iterator[ImagesServer]:
    """Sends the cat first, then a new picture."""
    new = Image.effect_mandelbrot((384, 384), (-2.0, -1.5, 1.0, 1.5), 100)
    new.save(tmp_path / "new.png")
    with ImagesServer(("127.0.0.1", 0), ImagesHandler) as server:
        server.images = [Path("photos/cat.png").read_bytes(), (tmp_path / "new.png").read_bytes()]
        server.requests = []
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_a_copy_is_asked_for_again(examples: Path, server: ImagesServer, tmp_path: Path) -> None:
    (tmp_path / "training.memguard").symlink_to(Path("training.memguard").resolve())
    done = subprocess.run(
        [sys.executable, str(examples / "remote_api.py"), "a cat"],
        cwd=tmp_path,
        env={
            **os.environ,
            "IMAGES_API": f"http://127.0.0.1:{server.server_port}",
            "IMAGES_API_KEY": "key",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("clear 1 ")
    assert Image.open(tmp_path / "image.png").size == (384, 384)
    asked = {
        "path": "/v1/images/generations",
        "authorization": "Bearer key",
        "model": "gpt-image-1",
        "prompt": "a cat",
        "n": 1,
    }
    assert server.requests == [asked, asked]
