"""What commands share: images from files, and progress without a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures.picture_files import encoded
from PIL import Image

from memguard.cli.console import print_json, progress, read_image, writing
from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.index.base import Health


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


def test_dataclasses_are_printed_as_objects(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([Health("x", 3), {"a": (1, 2)}])
    printed = json.loads(capsys.readouterr().out)
    assert printed == [{"name": "x", "records": 3, "outdated": False}, {"a": [1, 2]}]


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none" / "x.png"
    message = f"the picture cannot be written to {path}: No such file or directory"
    with pytest.raises(ConfigurationError, match=message), writing("picture", path):
        Image.new("L", (1, 1)).save(path)
    with pytest.raises(ConfigurationError, match="unknown file extension"), writing("it", path):
        Image.new("L", (1, 1)).save(tmp_path / "x.unknown")
