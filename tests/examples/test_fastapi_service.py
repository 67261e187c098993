"""The service, started as its first lines say: it withholds a copy, serves the rest, and reports
its health."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from fixtures.installed_package import ROOT
from PIL import Image

TIMEOUT_SECONDS = 120


@pytest.fixture(scope="module")
def client(photo_index: Path) -> Iterator[httpx2.Client]:
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT / "examples")]
    with subprocess.Popen(
        [*command, "--port", "0", "fastapi_service:app"],
        cwd=photo_index,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        said = ""
        while not (place := re.search(r"running on (\S+)", said)):
            line = server.stderr.readline()
            assert line, said
            said += line
        yield httpx2.Client(base_url=place[1], timeout=TIMEOUT_SECONDS)
        server.terminate()


def test_a_copy_is_withheld_without_a_word_on_the_match(client: httpx2.Client) -> None:
    answer = client.post("/images", json={"prompt": "a cat"})
    assert answer.status_code == 422
    assert answer.json() == {"detail": "The image was withheld. Try another prompt."}


def test_a_new_image_is_served(client: httpx2.Client) -> None:
    answer = client.post("/images", json={"prompt": "a fractal"})
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (384, 384)


def test_health_counts_the_references(client: httpx2.Client, photo_index: Path) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"references": len(list((photo_index / "photos").iterdir()))}
