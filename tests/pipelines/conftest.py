"""A tiny pipeline, and an index of drawings and of one picture that the pipeline makes."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from diffusers import StableDiffusionPipeline
from fixtures.guarded_images import INDEXED, QUICK, drawing, generator
from fixtures.tiny_pipelines import stable_diffusion

from memguard import build_index


@pytest.fixture(scope="session")
def pipeline() -> StableDiffusionPipeline:
    return stable_diffusion()


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory, pipeline: Any) -> Path:
    """An index of drawings, and of what the pipeline makes of "the sea"."""
    root = tmp_path_factory.mktemp("guarding")
    (root / "images").mkdir()
    for seed in INDEXED:
        drawing(seed).save(root / "images" / f"{seed}.png")
    (image,) = pipeline("the sea", **QUICK, generator=generator()).images
    image.save(root / "images" / "sea.png")
    build_index(root / "images", root / "training.memguard", weights={}, calibrate=False, workers=0)
    return root / "training.memguard"


@pytest.fixture
def own_index(index: Path, tmp_path: Path) -> Path:
    """An index that the test may break."""
    return Path(shutil.copytree(index, tmp_path / "own.memguard"))
