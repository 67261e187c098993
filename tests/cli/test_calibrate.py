"""``memguard calibrate``: held-out negatives, and leave-one-out on too few images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, tzinfo
from pathlib import Path

import pytest
from fixtures.calibrations import (
    MEMORIZED,
    SIMILAR,
    SIMULATED,
    Calibrated,
    simulated_copies_of,
    stored_calibration,
)
from fixtures.command_line import PROGRESS, exited, invoked
from fixtures.picture_files import write_cuts
from msgspec.structs import replace
from PIL import Image

from memguard.lifecycle import build_index


@pytest.fixture(scope="module")
def two(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index of two images, not calibrated; only to be read."""
    root = tmp_path_factory.mktemp("two")
    write_cuts(photographs, root / "images", 2)
    build_index(root / "images", root / "x.memguard", weights={}, calibrate=False, workers=0)
    return root / "x.memguard"


@pytest.fixture
def index(two: Path, tmp_path: Path) -> Iterator[Path]:
    """An index of two images that the test may calibrate, quickly."""
    with simulated_copies_of(1):
        yield Path(shutil.copytree(two, tmp_path / "own.memguard"))


def test_calibrate(calibrated: Calibrated, tmp_path: Path) -> None:
    """The same images and rates as the fixture's: the same calibration."""
    index = shutil.copytree(calibrated.path, tmp_path / "again.memguard")
    (index / "calibration.json").unlink()
    options = ["--similar-rate", SIMILAR, "--memorized-rate", MEMORIZED]
    with simulated_copies_of(SIMULATED):
        done = exited("calibrate", index, "--negatives", calibrated.negatives, *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"held-out: {calibrated.calibration.negatives} negatives" in done.stdout
    for word in ("target FPR", "observed FPR (95 % bound)", "recall of copies", "similar"):
        assert word in done.stdout
    assert "set aside" in done.stdout
    assert f"{calibrated.negatives}/copy.jpg: a copy of " in done.stdout
    assert f"negatives: {calibrated.negatives}" in done.stdout
    assert "what held-out shows: the rate for new images like these" in done.stdout
    stored = stored_calibration(index)
    assert stored is not None
    assert replace(stored, provenance={}) == replace(calibrated.calibration, provenance={})
    assert stored.provenance["command"].startswith(f"memguard calibrate {index} --negatives ")


def test_a_leave_one_out_too_small_for_its_rates_says_so(index: Path) -> None:
    done = exited("calibrate", index)
    assert done.returncode == 0
    assert "leave-one-out: 2 negatives" in done.stdout
    assert "0.001, not proven" in done.stdout
    assert "proves no rate for generated images" in done.stdout
    said = done.stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "memorized: 0 of 2 negatives blocked proves 77.6 %, not 0.1 %. That takes at least" in said
    )
    assert "3,000 negatives, 2,998 more: default thresholds apply" in said
    done = exited("calibrate", index, "--json", "--similar-rate", 0.02)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["method"] == "leave-one-out"
    assert report["similar"]["target"] == 0.02
    assert stored_calibration(index).similar.target == 0.02


class Noon(datetime):
    """A clock that stands: pages say when they were made."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Noon:
        return cls(2026, 1, 1, 12, tzinfo=tz)


def test_calibrate_writes_the_page_and_report_writes_it_again(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memguard.calibration.provenance.datetime", Noon)
    page = index / "calibration.html"
    assert str(page) in invoked("calibrate", index).output
    again = tmp_path / "again.html"
    assert invoked("report", index, "-o", again).stdout == f"The page for reviewers: {again}\n"
    assert again.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


def test_without_the_extra_calibrate_says_so_and_succeeds(index: Path) -> None:
    hide = (
        "import sys; sys.modules['jinja2'] = None; sys.modules['matplotlib'] = None;"
        "from memguard.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide, "calibrate", str(index), "--json"],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["records"] == 2
    (line,) = PROGRESS.sub("", done.stderr).splitlines()
    assert line.startswith("no page for reviewers: ")
    assert "pip install 'memguard[report]'" in line
    assert not (index / "calibration.html").exists()
