"""Checks of many images: one that fails stops no other, and copies keep their bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from memguard import Guard
from memguard.cli.checking import check_files
from memguard.errors import ConfigurationError
from memguard.index.base import BuildSummary
from memguard.sources.queries import find_queries


def test_an_image_whose_check_fails_does_not_take_its_batch_with_it(
    built: tuple[Path, BuildSummary], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = built[0].parent / "images"
    guard = Guard(built[0], on_error="raise")
    detect = guard._checker.detector.detect

    def failing(batch: list[Image.Image]) -> object:
        if any(image.getpixel((0, 0)) == odd for image in batch):
            raise MemoryError("too large")
        return detect(batch)

    odd = Image.open(images / "0002.jpg").getpixel((0, 0))
    monkeypatch.setattr(guard._checker.detector, "detect", failing)
    names = [str(images / f"000{number}.jpg") for number in range(4)]
    found = list(check_files(guard, list(find_queries(names)), None))
    assert [file.name for file in found] == names
    assert [file.label for file in found] == ["memorized", "memorized", "unreadable", "memorized"]
    assert found[2].error == "cannot be checked: the check could not run: too large"


def test_a_copy_takes_the_place_of_no_other_file(
    built: tuple[Path, BuildSummary], tmp_path: Path
) -> None:
    images, copies = built[0].parent / "images", tmp_path / "copies"
    copies.mkdir()
    (copies / "0001.jpg").write_bytes(b"another")
    guard = Guard(built[0], on_error="raise")
    (file,) = check_files(guard, list(find_queries([str(images / "0001.jpg")])), copies)
    assert (copies / "0001.jpg").read_bytes() == b"another"
    assert file.copied_to is not None
    assert Path(file.copied_to).read_bytes() == (images / "0001.jpg").read_bytes()
    assert Path(file.copied_to).match("0001-????????.jpg")


def test_a_folder_that_cannot_be_written(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    queries = list(find_queries([str(built[0].parent / "images" / "0001.jpg")]))
    with pytest.raises(ConfigurationError, match=r"the copy cannot be written to .*0001\.jpg: "):
        list(check_files(Guard(built[0], on_error="raise"), queries, tmp_path / "file" / "x"))
