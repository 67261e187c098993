"""What commands share: images from files, and progress without a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from fixtures.picture_files import encoded
from PIL import Image

from memguard.cli.console import progress, read_image
from memguard.errors import UnreadableImageError


def test_an_image_is_read_upright(tmp_path: Path, cat: Image.Image) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.jpg").write_bytes(encoded(cat, "JPEG", exif=exif))
    assert read_image(tmp_path / "turned.jpg").size == (cat.height, cat.width)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name, reason in (("gone.png", "No such file"), ("text.png", "not an image")):
        if name == "text.png":
            (tmp_path / name).write_text("no image")
        with pytest.raises(UnreadableImageError, match=f"{name} cannot be read: {reason}"):
            read_image(tmp_path / name)


def test_progress_is_silent_without_a_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with progress("Indexing") as show:
        show("Indexing", 1, 2)
        show("Calibrating", 1, None)
    assert capfd.readouterr() == ("", "")
