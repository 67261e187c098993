"""``memguard build``: a first index, a second run, its progress, absent weights."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fixtures.command_line import MEMGUARD, assert_one_line_error, exited, invoked, memguard
from fixtures.picture_files import STRIP, write_cuts
from PIL import Image

from memguard.cli.build import source_of
from memguard.errors import ConfigurationError
from memguard.index.base import BuildSummary


def test_build_check_and_info(folder: Path, tmp_path: Path, cat: Image.Image) -> None:
    """The story of a first user: build, look, check a copy and another picture."""
    (folder / "broken [red].png").write_bytes(b"no image")
    shutil.copy(folder / "0000.jpg", folder / "again.jpg")
    index = tmp_path / "training.memguard"
    done = memguard("build", folder, "-o", index, "--no-clip", "--no-calibrate", "--workers", 0)
    assert done.returncode == 0
    assert done.stdout.startswith(
        f"{index}: 24 images. Files of this build: 24 new, 1 exact duplicate, 0 seen before; "
        "unreadable 1; "
    )
    assert done.stderr == (
        f"unreadable {folder}/broken [red].png: not an image in a format that Pillow reads\n"
    )

    done = invoked("info", index)
    assert done.exit_code == 0
    assert f"{index}: 24 images, 1 unreadable file" in done.stdout
    for word in ("phash64", "64 bits", "phash256", "256 bits", "pixels", "768 numbers"):
        assert word in done.stdout

    Image.open(folder / "0005.jpg").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(
        tmp_path / "copy.png"
    )
    cat.crop((300, 150, 400, 250)).save(tmp_path / "novel.png")
    done = invoked("check", tmp_path / "novel.png", "--index", index)
    assert done.exit_code == 0
    assert done.stdout.split()[0] in ("clear", "similar")
    done = memguard(
        "check", tmp_path / "copy.png", tmp_path / "novel.png", MEMGUARD_INDEX=str(index)
    )
    assert done.returncode == 3
    first, second = done.stdout.splitlines()
    assert first.startswith(f"memorized     {tmp_path}/copy.png: ")
    assert f"{folder}/0005.jpg (mirrored) is within the block threshold" in first
    assert second.startswith(("clear", "similar"))


def test_a_terminal_shows_how_far_a_build_is(
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
    assert "?" not in last
    assert re.search(r"Indexing +━+ 2/2 +(\d+\.\d/s +)?\n", last), last
    assert re.search(r"Calibrating ━+ 32/32 +(\d+\.\d/s +)?\n", last), last
    assert f"{tmp_path}/x: 2 images." in last


def heed_ctrl_c() -> None:
    """Also where the tests run in the background of a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_ctrl_c_says_how_to_go_on_and_the_build_resumes(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    """As a terminal does it: every process of the command gets the signal."""
    write_cuts(photographs, tmp_path / "many", 250, STRIP)
    command = [*MEMGUARD, "build", tmp_path / "many", "-o", tmp_path / "x", "--no-clip"]
    command += ["--no-calibrate", "--workers", "2"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        preexec_fn=heed_ctrl_c,
    ) as process:
        while not (tmp_path / "x" / "building.json").exists():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, "")
    assert said == (
        "stopped: the parts already saved are kept. Run the same command again: it resumes there\n"
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert f"{tmp_path}/x: 250 images." in done.stdout


def test_build_again_and_json(built: tuple[Path, BuildSummary], tmp_path: Path) -> None:
    index = tmp_path / "copy.memguard"
    shutil.copytree(built[0], index)
    images = built[0].parent / "images"
    done = invoked("build", images, "-o", index, "--no-clip", "--no-calibrate", "--json")
    assert done.exit_code == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary.pop("seconds") > 0
    assert summary == {
        "path": str(index),
        "records": 60,
        "added": 0,
        "skipped": 61,
        "duplicates": 0,
        "blocked": 0,
        "unreadable": {str(images / "broken.png"): "not an image in a format that Pillow reads"},
    }


def test_absent_clip_weights(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "/none")
    done = exited("build", folder, "-o", tmp_path / "x")
    assert_one_line_error(done, "Three ways on: give a local checkpoint file with --clip-weights")


@pytest.mark.parametrize("option", ["image=", "image", "=picture"])
def test_an_option_of_a_source_without_a_name_or_a_value(option: str) -> None:
    with pytest.raises(ConfigurationError, match="--option takes NAME=VALUE"):
        source_of("images.parquet", [option])
