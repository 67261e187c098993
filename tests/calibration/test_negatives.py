"""Held-out negatives in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from memguard.calibration.negatives import FolderPictures
from memguard.errors import BuildError, CalibrationError


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
