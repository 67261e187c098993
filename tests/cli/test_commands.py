"""The command line as its users run it: real processes, their output and exit status."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fixtures.calibrations import MEMORIZED, SIMILAR, Calibrated
from fixtures.picture_files import encoded, write_cuts
from PIL import Image
from typer.testing import CliRunner, Result

from memguard import ConfigurationError, __version__
from memguard.calibration.calibrate import Calibration
from memguard.cli import app
from memguard.index.ingest.builder import BuildSummary
from memguard.lifecycle import build_index

MEMGUARD = [sys.executable, "-m", "memguard"]


def memguard(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``python -m memguard``."""
    variables = {key: value for key, value in os.environ.items() if key != "MEMGUARD_INDEX"}
    return subprocess.run(
        [*MEMGUARD, *map(str, arguments)],
        env={**variables, "COLUMNS": "160", **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def assert_one_line_error(done: subprocess.CompletedProcess[str], message: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("memguard: ")
    assert message in line


def test_build_check_and_info(folder: Path, tmp_path: Path, cat: Image.Image) -> None:
    """The story of a first user: build, look, check a copy and another picture."""
    (folder / "broken [red].png").write_bytes(b"no image")
    shutil.copy(folder / "0000.jpg", folder / "again.jpg")
    index = tmp_path / "training.memguard"
    done = memguard("build", folder, "-o", index, "--no-clip", "--no-calibrate", "--workers", 0)
    assert done.returncode == 0
    assert done.stdout.startswith(
        f"{index}: 24 images. Files of this build: 24 new, 1 exact duplicates, 0 seen before; "
        "unreadable 1; "
    )
    assert done.stderr == (
        f"unreadable {folder}/broken [red].png: not an image in a format that Pillow reads\n"
    )

    done = memguard("info", index)
    assert done.returncode == 0
    assert f"{index}: 24 images, 1 unreadable files" in done.stdout
    for word in ("phash64", "64 bits", "phash256", "256 bits", "pixels", "768 numbers"):
        assert word in done.stdout

    Image.open(folder / "0005.jpg").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        tmp_path / "copy.png"
    )
    cat.crop((300, 150, 400, 250)).save(tmp_path / "novel.png")
    done = memguard("check", tmp_path / "novel.png", "--index", index)
    assert done.returncode == 0
    assert done.stdout.split()[0] in ("clear", "similar")
    done = memguard(
        "check", tmp_path / "copy.png", tmp_path / "novel.png", MEMGUARD_INDEX=str(index)
    )
    assert done.returncode == 3
    first, second = done.stdout.splitlines()
    assert first.startswith(f"memorized     {tmp_path}/copy.png: ")
    assert f"{folder}/0005.jpg (mirrored) is within the block threshold" in first
    assert second.startswith(("clear", "similar"))


def test_a_terminal_shows_rate_and_time_left(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    write_cuts(photographs, tmp_path / "few", 2)
    terminal, its_end = pty.openpty()
    with subprocess.Popen(
        [*MEMGUARD, "build", tmp_path / "few", "-o", tmp_path / "x", "--no-clip", "--workers", "0"],
        stdout=its_end,
        stderr=its_end,
        env={**os.environ, "COLUMNS": "160", "TERM": "xterm"},
    ) as process:
        os.close(its_end)
        shown = b""
        with contextlib.suppress(OSError):  # the terminal's other end is closed
            while data := os.read(terminal, 4096):
                shown += data
    os.close(terminal)
    assert process.returncode == 0
    last = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", shown).replace(b"\r", b"\n").decode()
    assert re.search(r"Indexing +━+ 2/2 +\d+\.\d/s 0:00:00", last), last
    assert re.search(r"Calibrating ━+ 32/32 +\d+\.\d/s 0:00:00", last), last
    assert f"{tmp_path}/x: 2 images." in last


def test_build_again_and_json(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    index = tmp_path / "copy.memguard"
    shutil.copytree(built[0], index)
    images = built[0].parent / "images"
    done = memguard("build", images, "-o", index, "--no-clip", "--no-calibrate", "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary.pop("seconds") > 0
    assert summary == {
        "path": str(index),
        "records": 60,
        "added": 0,
        "skipped": 61,
        "duplicates": 0,
        "refused": 0,
        "unreadable": {str(images / "broken.png"): "not an image in a format that Pillow reads"},
    }


def test_check_and_info_as_json(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
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

    info = json.loads(memguard("info", index, "--json").stdout)
    assert info["records"] == 60
    assert [spec["name"] for spec in info["descriptors"]] == [
        "phash64",
        "phash256",
        "pixels",
        "vlad",
    ]
    assert list(info["unreadable"]) == [str(index.parent / "images" / "broken.png")]
    assert info["searches"]["phash256"]["kind"] == "BFlat"
    assert info["bytes_per_image"]["vlad"] > 4096
    assert (info["removed"], info["refused"], info["format"]) == (0, 0, 3)


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


def invoked(*arguments: object) -> Result:
    """Run a command in this process, which saves the time of importing torch."""
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


def test_the_life_of_an_index(
    photographs: dict[str, Image.Image], gallery: Path, tmp_path: Path
) -> None:
    """Grown, looked into, an image taken down, compacted, verified, merged."""
    index = shutil.copytree(gallery, tmp_path / "x.memguard")
    (tmp_path / "more").mkdir()
    photographs["chelsea.png"].save(tmp_path / "more" / "cat.jpg", quality=70)
    photographs["rocket.jpg"].save(tmp_path / "more" / "rocket.png")
    done = memguard("add", index, tmp_path / "more", "--no-calibrate", "--memory", "1GB")
    assert (done.returncode, done.stderr) == (0, "")
    assert "6 images. Files of this build: 2 new, 0 exact duplicates" in done.stdout

    done = memguard("duplicates", index, "-o", tmp_path / "sheet.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"4 +│ 2 +│ .*chelsea.png +│ a cat", done.stdout), done.stdout
    assert Image.open(tmp_path / "sheet.png").size == (1096, 164)
    (row,) = json.loads(invoked("duplicates", index, "--json").stdout)
    assert (row["files"], row["images"], len(row["members"])) == (4, 2, 2)
    listed = invoked("duplicates", index, "--redundant", tmp_path / "redundant.txt", "--json")
    assert json.loads(listed.stdout) == [row]
    lines = (tmp_path / "redundant.txt").read_text().splitlines()
    assert len(lines) == 3
    assert str(tmp_path / "more" / "cat.jpg") in lines

    photographs["chelsea.png"].resize((200, 133)).save(tmp_path / "copy.jpg", quality=60)
    done = memguard("remove", index, "--like", tmp_path / "copy.jpg")
    assert done.returncode == 1
    assert "Remove these 2 images?" in done.stderr
    removed = json.loads(
        invoked("remove", index, "--like", tmp_path / "copy.jpg", "--yes", "--json").stdout
    )
    assert set(removed["removed"]) == {member["id"] for member in row["members"]}
    assert removed["records"] == 4
    said = invoked("remove", index, "--uri", tmp_path / "more" / "rocket.png").stdout
    assert "1 images removed, 3 left" in said
    with pytest.raises(ConfigurationError, match=r"holds no image of /x\.png"):
        invoked("remove", index, "--uri", "/x.png")
    with pytest.raises(ConfigurationError, match="nothing to remove: name images by --id"):
        invoked("remove", index)
    checked = invoked("check", tmp_path / "copy.jpg", "-i", index)
    assert (checked.exit_code, checked.stdout.split()[0]) == (0, "clear")
    assert "3 removed (not yet compacted), 3 refused" in invoked("info", index).stdout

    said = invoked("compact", index).stdout
    assert "3 removed images left the files, 3 images are in it" in said
    done = invoked("verify", index)
    assert (done.exit_code, done.stdout.split()[-2:]) == (0, ["0", "damaged"])
    (file,) = index.glob("ann/phash64-*.faiss")
    file.write_bytes(file.read_bytes()[::-1])
    done = memguard("verify", index)
    assert done.returncode == 4
    assert f"damaged ann/{file.name}: it holds other bytes than were written" in done.stdout
    done = invoked("verify", index, "--mend", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["mended"] == [f"ann/{file.name}"]

    said = invoked("merge", index, gallery, "-o", tmp_path / "merged").stdout
    assert f"{tmp_path}/merged: 3 images." in said
    said = invoked("remove", index, "--undo", "--id", row["members"][0]["id"]).stdout
    assert said == f"{index}: 3 images\n"


def test_errors_are_one_line(calibrated: Calibrated, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "[bold]").mkdir()
    assert_one_line_error(
        memguard("check", tmp_path / "gone.png", "-i", calibrated.path),
        f"{tmp_path}/gone.png cannot be read: No such file or directory",
    )
    assert_one_line_error(
        memguard("check", tmp_path / "text.png", "-i", calibrated.path),
        f"{tmp_path}/text.png cannot be read: not an image in a format that Pillow reads",
    )
    assert_one_line_error(
        memguard("info", tmp_path / "none.memguard"),
        f"there is no index at {tmp_path}/none.memguard; make one with `memguard build",
    )
    assert_one_line_error(
        memguard("build", tmp_path / "[bold]", "-o", tmp_path / "x", "--no-clip"),
        "the source holds no image files; nothing was built",
    )
    assert not (tmp_path / "x").exists()
    assert_one_line_error(
        memguard("calibrate", calibrated.path, "--negatives", tmp_path),
        "a false-positive rate of 0.001 needs at least 3000 negatives, and there are 1",
    )


def test_calibrate(calibrated: Calibrated, tmp_path: Path) -> None:
    """The same images and rates as the fixture's: the same calibration."""
    index = shutil.copytree(calibrated.path, tmp_path / "again.memguard")
    (index / "calibration.json").unlink()
    options = ["--similar-rate", SIMILAR, "--memorized-rate", MEMORIZED]
    done = memguard("calibrate", index, "--negatives", calibrated.negatives, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"held-out: {calibrated.calibration.negatives} negatives" in done.stdout
    for word in ("target FPR", "observed FPR (95 % bound)", "recall of copies", "similar"):
        assert word in done.stdout
    assert "set aside" in done.stdout
    assert f"{calibrated.negatives}/copy.jpg: a copy of " in done.stdout
    assert Calibration.read(index) == calibrated.calibration


def test_a_leave_one_out_too_small_for_its_rates_says_so(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    write_cuts(photographs, tmp_path / "two", 2)
    build_index(tmp_path / "two", tmp_path / "x", clip=None, calibrate=False, workers=0)
    done = memguard("calibrate", tmp_path / "x")
    assert done.returncode == 0
    assert "leave-one-out: 2 negatives" in done.stdout
    assert "0.001, not proven" in done.stdout
    assert "A rate of 0.001 takes 3000 negatives to prove: default thresholds apply" in done.stdout
    done = memguard("calibrate", tmp_path / "x", "--json", "--similar-rate", 0.02)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["method"] == "leave-one-out"
    assert report["similar"]["target"] == 0.02
    assert Calibration.read(tmp_path / "x").similar.target == 0.02


def test_absent_clip_weights(folder: Path, tmp_path: Path) -> None:
    done = memguard("build", folder, "-o", tmp_path / "x", HF_HUB_OFFLINE="1", HF_HUB_CACHE="/none")
    assert_one_line_error(done, "Three ways on: give a local checkpoint file with --clip-weights")


def test_models_pull_says_where_the_weights_lie(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"x")
    done = CliRunner().invoke(app, ["models", "pull", "--clip-weights", f"{tmp_path}/weights.pt"])
    assert (done.exit_code, done.output) == (0, f"{tmp_path}/weights.pt\n")


def test_version_help_and_wrong_options() -> None:
    assert memguard("version").stdout == f"{__version__}\n"
    help_text = memguard("--help").stdout
    for command in ("add", "remove", "compact", "verify", "merge", "duplicates"):
        assert command in help_text
    for command in ("build", "calibrate", "check", "info", "models", "version"):
        assert command in help_text
    wrong = memguard("build", "--nonesuch")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_the_memguard_command_is_installed() -> None:
    command = Path(sys.executable).with_name("memguard")
    done = subprocess.run([command, "version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n"
