"""The command line as a whole: its help, its errors in one line, its installed name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fixtures.calibrations import Calibrated
from fixtures.command_line import assert_one_line_error, exited, memguard

from memguard import __version__


def test_errors_are_one_line(calibrated: Calibrated, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "[bold]").mkdir()
    assert_one_line_error(
        memguard("check", tmp_path / "gone.png", "-i", calibrated.path),
        f"{tmp_path}/gone.png cannot be read: No such file or directory",
    )
    assert_one_line_error(
        exited("check", tmp_path / "text.png", "-i", calibrated.path),
        f"{tmp_path}/text.png cannot be read: not an image in a format that Pillow reads",
    )
    assert_one_line_error(
        exited("info", tmp_path / "none.memguard"),
        f"there is no index at {tmp_path}/none.memguard; make one with `memguard build",
    )
    assert_one_line_error(
        exited("build", tmp_path / "[bold]", "-o", tmp_path / "x", "--no-clip"),
        "the source holds no image files; nothing was built",
    )
    assert not (tmp_path / "x").exists()
    assert_one_line_error(
        exited("calibrate", calibrated.path, "--negatives", tmp_path),
        f"{tmp_path}/text.png is no readable image",
    )
    assert_one_line_error(
        exited("calibrate", calibrated.path, "--memorized-rate", 2),
        "memorized_rate (--memorized-rate) is 2; a rate lies between 0 and 1",
    )
    assert_one_line_error(
        exited("calibrate", calibrated.path, "--memorized-rate", 0.02),
        "similar_rate (--similar-rate) is 0.01, less than memorized_rate (--memorized-rate), 0.02;",
    )
    assert_one_line_error(
        exited("check", tmp_path / "text.png"),
        "no index named: add -i training.memguard",
    )


def test_version_help_and_wrong_options() -> None:
    for asked in ("version", "--version"):
        assert exited(asked).stdout == f"{__version__}\n"
    help_text = exited("-h").stdout
    assert help_text == exited("--help").stdout
    assert exited("models", "pull", "-h").returncode == 0
    for command in ("add", "remove", "compact", "verify", "merge", "duplicates"):
        assert command in help_text
    for command in ("build", "calibrate", "check", "info", "models", "version"):
        assert command in help_text
    wrong = exited("build", "--nonesuch")
    assert wrong.returncode == 2
    assert "Traceback" not in wrong.stderr


def test_the_memguard_command_is_installed() -> None:
    command = Path(sys.executable).with_name("memguard")
    done = subprocess.run([command, "version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"{__version__}\n"
