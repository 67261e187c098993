"""``memguard check``: every kind of file, its JSON and exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from fixtures.command_line import memguard
from fixtures.picture_files import encoded
from PIL import Image, ImageOps
from typer.testing import CliRunner

from memguard import Guard
from memguard.cli import app
from memguard.index.base import BuildSummary
from memguard.report.evidence_image import MARGIN, PANEL
from memguard.report.formatting import threshold_text


def test_check_as_json(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    index = built[0]
    image = index.parent / "images" / "0007.jpg"
    Image.new("RGB", (64, 64), "white").save(tmp_path / "blank.png")
    done = memguard("check", image, tmp_path / "blank.png", "-i", index, "--json")
    assert done.returncode == 3
    copy, blank = json.loads(done.stdout)
    assert (copy["image"], copy["label"]) == (str(image), "memorized")
    assert copy["matches"][0]["uri"] == str(image)
    assert copy["matches"][0]["caption"] == "a tile of an astronaut"
    assert (blank["label"], blank["score"]) == ("uninformative", 0.0)


def test_every_kind_of_file_can_be_checked(
    built: tuple[Path, BuildSummary], photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    image = Image.open(built[0].parent / "images" / "0000.jpg").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 3
    files = {
        "turned.jpg": encoded(image.rotate(180), "JPEG", exif=exif, quality=95),
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG", quality=95),
        "animation.gif": encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)]),
        "deep.tiff": encoded(
            Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "TIFF"
        ),
        "layer.webp": encoded(image.convert("RGBA"), "WEBP", lossless=True),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    paths = [tmp_path / name for name in files]
    done = memguard("check", *paths, "-i", built[0], "--json")
    verdicts = {Path(row["image"]).name: row for row in json.loads(done.stdout)}
    assert {name: row["label"] for name, row in verdicts.items()} == dict.fromkeys(
        files, "memorized"
    )
    for row in verdicts.values():
        assert Path(row["matches"][0]["uri"]).name == "0000.jpg"


def test_explain(photograph_index: Path, cat: Image.Image, tmp_path: Path) -> None:
    query, picture = tmp_path / "query [1].png", tmp_path / "why.png"
    ImageOps.mirror(cat).save(query)
    arguments = ["explain", str(query), str(photograph_index), "-o", str(picture)]
    done = CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    (verdict,) = Guard(photograph_index).check(cat.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    assert f"memorized {query}: {verdict.why}" in done.output
    for signal in verdict.signals:
        assert signal.name in done.output
        assert threshold_text(signal.similar) in done.output
    assert "[indoors]" in done.output, "brackets of a caption are no markup"
    assert "mirrored" in done.output
    assert Image.open(picture).width == 4 * PANEL + 5 * MARGIN

    done = CliRunner().invoke(app, [*arguments, "--json"])
    row = json.loads(done.stdout)
    assert row["label"] == "memorized"
    assert row["picture"] == str(picture)
    assert row["comparison"]["view"] == "mirrored"
    assert np.array(row["comparison"]["mask"]).sum() == 12
    assert row["why"] == verdict.why


def test_an_explanation_that_cannot_be_written(
    photograph_index: Path, cat: Image.Image, tmp_path: Path
) -> None:
    query = tmp_path / "query.png"
    cat.save(query)
    for name in ("none/why.png", "why.unknown"):
        done = CliRunner().invoke(app, ["explain", str(query), str(photograph_index), "-o", name])
        assert done.exit_code == 1
        assert "cannot be written" in str(done.exception)


WITHOUT_MATPLOTLIB = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from memguard.cli import main
main()
"""


def test_without_the_extra_explain_gives_the_reason_and_no_picture(
    photograph_index: Path, cat: Image.Image, tmp_path: Path
) -> None:
    query = tmp_path / "query.png"
    cat.save(query)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            WITHOUT_MATPLOTLIB,
            "explain",
            str(query),
            str(photograph_index),
            "--json",
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(done.stdout)
    assert (row["label"], row["picture"]) == ("memorized", None)
    assert "no picture: " in done.stderr
    assert "memguard[report]" in done.stderr
    assert not (tmp_path / "explain.png").exists()
