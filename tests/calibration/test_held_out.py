"""Held-out negatives: a folder, files, images in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from memguard.calibration.held_out import FolderPictures, HeldOut, ListedPictures
from memguard.errors import BuildError, CalibrationError, ConfigurationError


def test_a_folder_of_negatives(cat: Image.Image, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    cat.save(tmp_path / "deep" / "a.jpg")
    cat.convert("L").save(tmp_path / "b.png")
    (tmp_path / "notes.txt").write_text("x")
    pictures = FolderPictures(tmp_path)
    assert len(pictures) == 2
    assert [Path(name).name for name, _ in pictures] == ["b.png", "a.jpg"]
    assert [picture.image.size for _, picture in pictures[:5]] == [cat.size] * 2
    assert pictures[1:][0][0] == pictures[-1][0] == str((tmp_path / "deep" / "a.jpg").resolve())
    (tmp_path / "c.png").write_bytes(b"no image")
    with pytest.raises(CalibrationError, match=r"c\.png is no readable image .*take it out"):
        list(pictures.__class__(tmp_path))
    with pytest.raises(BuildError, match="is not a folder"):
        FolderPictures(tmp_path / "b.png")


def test_images_and_files(cat: Image.Image, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    cat.save(file)
    with Image.open(file) as opened:
        pictures = ListedPictures(iter([cat.copy(), file, str(file), opened]))
        names = [name for name, _ in pictures]
        assert names == ["image 0", *[str(file)] * 3]
        assert {picture.image.size for _, picture in pictures} == {cat.size}
    held_out = HeldOut.of([cat, file])
    assert len(held_out) == 2
    assert held_out.source == "2 images given in Python"
    assert [name for name, _ in held_out.read(1, 9)] == [str(file)]
    with pytest.raises(CalibrationError, match=r"gone\.png is no readable image"):
        ListedPictures([tmp_path / "gone.png"])[0]
    with pytest.raises(ConfigurationError, match="number 1 is of type int"):
        ListedPictures([cat, 3])  # type: ignore[list-item]
