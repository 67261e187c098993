"""The page of the most repeated images: their files, and which one to keep."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.html_page import Page
from PIL import Image

from memguard.index.base import BuildSummary
from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.duplicates import files_of, most_repeated, redundant_files
from memguard.lifecycle import build_index
from memguard.report.duplicates_page import duplicates_page


@pytest.fixture(scope="module")
def series(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> DirectoryIndex:
    """A cat in two files and, larger and smaller, in two more; a rocket that stands alone."""
    root = tmp_path_factory.mktemp("series")
    (root / "images").mkdir()
    cat = photographs["chelsea.png"]
    for name in ("a.png", "b.png"):
        cat.save(root / "images" / name)
    (root / "images" / "a.txt").write_text("<a cat>", encoding="utf-8")
    cat.resize((902, 600)).save(root / "images" / "larger.jpg")
    cat.resize((300, 200)).save(root / "images" / "smaller.jpg")
    photographs["rocket.jpg"].save(root / "images" / "rocket.png")
    build_index(root / "images", root / "x.memguard", weights={}, calibrate=False, workers=0)
    return DirectoryIndex.open(root / "x.memguard")


def test_every_file_is_named_and_the_kept_one_is_not_redundant(series: DirectoryIndex) -> None:
    repeated = most_repeated(series, 10)
    assert [(one.files, one.images) for one in repeated] == [(4, 3)]
    page = Page(duplicates_page(series, repeated, "memguard duplicates x"))
    text = page.words("cluster-1")
    assert text.startswith("4 files, 3 distinct near-duplicates: <a cat>")
    folder = series.directory.parent / "images"
    assert f"keep {folder}/a.png" in text
    redundant = list(redundant_files(series))
    assert sorted(redundant) == [f"{folder}/{n}" for n in ("b.png", "larger.jpg", "smaller.jpg")]
    for file in redundant:
        assert f"redundant {file}" in text
    assert "902 x 600 pixels, the largest" in text
    assert text.count("the largest") == 1
    assert "rocket" not in text
    assert page.words("summary").startswith("1 image is in several files; 3 of these files add")
    assert len(page.addresses) == 3
    assert series.manifest.fingerprint in page.words()


def test_files_that_hold_other_bytes_now_are_not_named(
    series: DirectoryIndex, photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        photographs["chelsea.png"].save(tmp_path / name)
    target = tmp_path / "x.memguard"
    build_index(tmp_path, target, weights={}, calibrate=False, workers=0)
    photographs["coffee.png"].save(tmp_path / "b.png")
    build_index(tmp_path, target, weights={}, calibrate=False, workers=0)
    index = DirectoryIndex.open(target)
    cat = index.find_uris([str(tmp_path / "a.png")])[str(tmp_path / "a.png")]
    assert files_of(index, [cat.id]) == {cat.id: [str(tmp_path / "a.png")]}


def test_a_page_without_duplicates_says_so(built: tuple[Path, BuildSummary]) -> None:
    page = Page(duplicates_page(DirectoryIndex.open(built[0]), [], "x"))
    assert page.words("summary") == "No image is there twice."
    assert page.addresses == []
