"""The service withholds a copy, serves the rest, and reports its health."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import Image


@pytest.fixture
def client(examples: Path) -> TestClient:
    from fastapi_service import app

    return TestClient(app)


def test_a_copy_is_withheld_without_a_word_on_the_match(client: TestClient) -> None:
    answer = client.post("/images", json={"prompt": "a cat"})
    assert answer.status_code == 422
    assert answer.json() == {"detail": "The image was withheld. Try another prompt."}


def test_a_new_image_is_served(client: TestClient) -> None:
    answer = client.post("/images", json={"prompt": "a fractal"})
    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (384, 384)


def test_health_counts_the_references(client: TestClient, examples: Path) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"references": len(list(Path("photos").iterdir()))}
