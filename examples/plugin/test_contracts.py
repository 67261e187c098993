"""The plug-in keeps memguard's contracts, and is found by its entry points."""

import io
import zipfile
from pathlib import Path

from memguard_example.colours import Colours
from memguard_example.zip_file import ZipFile

from memguard import build_index, guard
from memguard.sources import open_source
from memguard.testing import check_descriptor, check_source, fake_pipeline, pictures, small_index


def write_zip(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for number, image in enumerate(pictures(4)):
            stream = io.BytesIO()
            image.save(stream, "PNG")
            archive.writestr(f"{number}.png", stream.getvalue())
    return path


def test_the_descriptor() -> None:
    check_descriptor(Colours())


def test_the_source(tmp_path: Path) -> None:
    source = open_source(write_zip(tmp_path / "images.zip"))
    assert isinstance(source, ZipFile)
    check_source(source)


def test_a_guard_with_both(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "images.zip")
    build_index(archive, tmp_path / "i.memguard", weights={"colours": ""}, calibrate=False)
    pipe = guard(fake_pipeline(pictures(1)), tmp_path / "i.memguard")
    (verdict,) = pipe("a picture").memorization
    assert verdict.label == "memorized"
    assert verdict.matches[0].distances["colours"] < 0.01


def test_a_small_index(tmp_path: Path) -> None:
    index = small_index(tmp_path / "i.memguard", weights={"colours": ""})
    assert "colours" in [spec.name for spec in index.specs]
