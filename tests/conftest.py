"""What many tests need: real photographs, a folder of distinct cuts of them, a small index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # one core each: threads that spin would fight over them
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
from fixtures.installed_package import put_checkout_last

put_checkout_last()

from fixtures.calibrations import (
    Calibrated,
    calibrate_gallery,
    simulated_copies_of,
    write_gallery,
)
from fixtures.milvus_server import MilvusServer, milvus_server
from fixtures.picture_files import write_cuts
from fixtures.series_index import write_series
from numpy.typing import NDArray
from PIL import Image

from memguard.demo.photographs import photographs as skimage_photographs
from memguard.index.base import BuildSummary
from memguard.lifecycle import build_index, calibrate_index
from memguard.vision.picture import Picture

LONGEST = ("tests/end_to_end/test_demo.py", "tests/typing/test_user_code.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest begin first, so that at the end no worker waits for them."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONGEST))


@pytest.fixture(scope="session", autouse=True)
def working_directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An empty folder, so that processes started by tests do not import the checkout either, and
    an empty cache."""
    os.environ["MEMGUARD_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.chdir(tmp_path_factory.mktemp("working-directory"))


@pytest.fixture(scope="session")
def photographs() -> dict[str, Image.Image]:
    """The photographs of the scikit-image wheel, RGB, by file name."""
    return skimage_photographs()


@pytest.fixture(scope="session")
def cat(photographs: dict[str, Image.Image]) -> Image.Image:
    """One photograph of 451 x 300 pixels, neither square nor symmetric."""
    return photographs["chelsea.png"]


@pytest.fixture(scope="module")
def astronaut(photographs: dict[str, Image.Image]) -> NDArray[np.uint8]:
    """A square photograph as everything but embeddings sees it."""
    return Picture(photographs["astronaut.png"]).pixels


@pytest.fixture(scope="module")
def coffee(photographs: dict[str, Image.Image]) -> NDArray[np.uint8]:
    """Another photograph, not square."""
    return Picture(photographs["coffee.png"]).pixels


@pytest.fixture
def folder(photographs: dict[str, Image.Image], tmp_path: Path) -> Path:
    """A folder of 24 distinct JPEG files, one with a caption, that the test may change."""
    write_cuts(photographs, tmp_path / "images", 24)
    (tmp_path / "images" / "0003.txt").write_text("a caption\n", encoding="utf-8")
    return tmp_path / "images"


@pytest.fixture(scope="session")
def built(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, BuildSummary]:
    """A finished index of 60 cuts and one broken file; only to be read."""
    root = tmp_path_factory.mktemp("built")
    write_cuts(photographs, root / "images", 60)
    (root / "images" / "0007.txt").write_text("a tile of an astronaut", encoding="utf-8")
    (root / "images" / "broken.png").write_bytes(b"no image")
    summary = build_index(
        root / "images", root / "small.memguard", weights={}, calibrate=False, workers=0
    )
    return root / "small.memguard", summary


@pytest.fixture(scope="session")
def gallery(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of four whole photographs, not calibrated; only to be read. One stands in the
    folder three times, and has a caption."""
    return write_gallery(photographs, tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="session")
def series(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of photographs, two of one series; not calibrated; only to be read."""
    return write_series(photographs, tmp_path_factory.mktemp("series"))


@pytest.fixture(scope="session")
def photograph_index(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """All photographs but ``rocket.jpg`` in a calibrated index; only to be read."""
    root = tmp_path_factory.mktemp("explain")
    (root / "images").mkdir()
    for name, image in photographs.items():
        if name != "rocket.jpg":
            image.save((root / "images" / name).with_suffix(".png"))
    (root / "images" / "chelsea.txt").write_text("a cat [indoors]", encoding="utf-8")
    build_index(root / "images", root / "small.memguard", weights={}, calibrate=False, workers=0)
    with simulated_copies_of(2):
        calibrate_index(root / "small.memguard")
    return root / "small.memguard"


@pytest.fixture(scope="session")
def calibrated(
    gallery: Path, cat: Image.Image, tmp_path_factory: pytest.TempPathFactory
) -> Calibrated:
    """The gallery, calibrated with held-out images; only to be read."""
    return calibrate_gallery(gallery, cat, tmp_path_factory.mktemp("calibrated"))


@pytest.fixture(scope="session")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    """A real server that only this test run can reach."""
    with milvus_server(tmp_path_factory.mktemp("milvus")) as server:
        yield server
