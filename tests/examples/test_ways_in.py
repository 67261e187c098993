"""The code of docs/ways-in.md prints what the page says, against a local API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures.images_api import ImagesApi, images_api
from fixtures.installed_package import ROOT
from fixtures.picture_files import encoded
from fixtures.tiny_pipelines import stable_diffusion
from PIL import Image
from transformers import CLIPImageProcessor

PAGE = (ROOT / "docs" / "ways-in.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def folder(photo_index: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page speaks of, and a small pipeline with random weights."""
    root = tmp_path_factory.mktemp("ways-in")
    for name in ("photos", "training.memguard"):
        (root / name).symlink_to(photo_index / name)
    pipeline = stable_diffusion()
    small = {"height": 32, "width": 32}
    pipeline.register_modules(
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=small)
    )
    pipeline.save_pretrained(root / "my-pipeline")
    return root


@pytest.fixture
def api() -> Iterator[ImagesApi]:
    """An API that sends a new image, then the cat, then both again."""
    with images_api() as api:
        yield api


def test_every_snippet_says_what_it_prints() -> None:
    assert len(SNIPPETS) == PAGE.count("```python")


@pytest.mark.parametrize(("code", "output"), SNIPPETS)
def test_snippets(
    code: str,
    output: str,
    folder: Path,
    api: ImagesApi,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("OPENAI_BASE_URL", f"{api.address}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    new = encoded(Image.effect_mandelbrot((384, 384), (-2.0, -1.5, 1.0, 1.5), 100).convert("RGB"))
    api.images += [new, Path("photos/cat.png").read_bytes()] * 2
    exec(compile(code, "ways-in.md", "exec"), {"__name__": "__main__"})
    assert capsys.readouterr().out == output
