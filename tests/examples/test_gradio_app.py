"""The page's function, called through Gradio's own server and client."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gradio_client import Client
from PIL import Image


@pytest.fixture
def client(examples: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    from gradio_app import page

    _, address, _ = page.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True)
    yield Client(address, verbose=False)
    page.close()


def test_a_copy_is_replaced_and_named(client: Client) -> None:
    image, verdict = client.predict("a cat")
    assert verdict.startswith("memorized: ")
    assert len(Image.open(image).convert("L").getcolors()) == 1


def test_a_new_image_is_shown(client: Client) -> None:
    image, verdict = client.predict("a fractal")
    assert verdict.startswith("clear: ")
    assert len(Image.open(image).convert("L").getcolors()) > 10
