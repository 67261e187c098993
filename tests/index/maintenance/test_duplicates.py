"""What a training set repeats, by files and by near-duplicates."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from fixtures.picture_files import encoded, write_cuts
from PIL import Image

from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.duplicates import most_repeated, redundant_files
from memguard.lifecycle import build_index


@pytest.fixture
def repeated(photographs: dict[str, Image.Image], tmp_path: Path) -> DirectoryIndex:
    """Five images: one in three files, one with a near-duplicate, one with a caption."""
    paths = write_cuts(photographs, tmp_path / "images", 3)
    for number, name in ((3, "coffee.png"), (4, "rocket.jpg")):
        small = photographs[name].resize((160, 120))
        small.save(tmp_path / "images" / f"{number:04d}.png")
    again = encoded(photographs["coffee.png"].resize((160, 120)), "JPEG", quality=80)
    (tmp_path / "images" / "again.jpg").write_bytes(again)
    for copy in ("x.jpg", "y.jpg"):
        shutil.copy(paths[1], tmp_path / "images" / copy)
    (tmp_path / "images" / "0001.txt").write_text("a tile", encoding="utf-8")
    build_index(tmp_path / "images", tmp_path / "x", weights={}, calibrate=False, workers=0)
    return DirectoryIndex.open(tmp_path / "x")


def test_most_files_first(repeated: DirectoryIndex) -> None:
    found = most_repeated(repeated, 10)
    assert [(one.files, one.images, len(one.members)) for one in found] == [(3, 1, 1), (2, 2, 2)]
    assert Path(found[0].members[0].uri).name == "0001.jpg"
    assert found[0].title.startswith("3 files, 1 distinct; ")
    assert found[0].title.endswith("0001.jpg: a tile")
    assert {Path(one.uri).name for one in found[1].members} == {"0003.png", "again.jpg"}
    assert [one.files for one in most_repeated(repeated, 1)] == [3]


def test_all_files_but_the_first_of_each_image_are_redundant(repeated: DirectoryIndex) -> None:
    names = {Path(uri).name for uri in redundant_files(repeated)}
    assert names == {"again.jpg", "x.jpg", "y.jpg"}
