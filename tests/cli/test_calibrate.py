"""``memguard calibrate``: held-out negatives, and leave-one-out on too few images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.calibrations import MEMORIZED, SIMILAR, Calibrated, stored_calibration
from fixtures.command_line import PROGRESS, memguard
from fixtures.picture_files import write_cuts
from msgspec.structs import replace
from PIL import Image
from typer.testing import CliRunner

from memguard.calibration import measure as calibration_measure
from memguard.cli import app
from memguard.index.base import BuildSummary
from memguard.lifecycle import build_index


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
    assert f"negatives: {calibrated.negatives}" in done.stdout
    assert "what held-out shows: the rate for new images like these" in done.stdout
    stored = stored_calibration(index)
    assert stored is not None
    assert replace(stored, provenance={}) == replace(calibrated.calibration, provenance={})
    assert stored.provenance["command"].startswith(f"memguard calibrate {index} --negatives ")


def test_a_leave_one_out_too_small_for_its_rates_says_so(
    photographs: dict[str, Image.Image], tmp_path: Path
) -> None:
    write_cuts(photographs, tmp_path / "two", 2)
    build_index(tmp_path / "two", tmp_path / "x", weights={}, calibrate=False, workers=0)
    done = memguard("calibrate", tmp_path / "x")
    assert done.returncode == 0
    assert "leave-one-out: 2 negatives" in done.stdout
    assert "0.001, not proven" in done.stdout
    assert "proves no rate for generated images" in done.stdout
    said = done.stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "memorized: 0 of 2 negatives blocked proves 77.6 %, not 0.1 %. That takes at least" in said
    )
    assert "3,000 negatives, 2,998 more: default thresholds apply" in said
    done = memguard("calibrate", tmp_path / "x", "--json", "--similar-rate", 0.02)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert report["method"] == "leave-one-out"
    assert report["similar"]["target"] == 0.02
    assert stored_calibration(tmp_path / "x").similar.target == 0.02


def test_calibrate_writes_the_page_and_report_writes_it_again(
    built: tuple[Path, BuildSummary], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 2)
    index = tmp_path / "small.memguard"
    shutil.copytree(built[0], index)
    done = CliRunner().invoke(app, ["calibrate", str(index)])
    assert done.exit_code == 0, done.output
    page = index / "calibration.html"
    assert str(page) in done.output
    again = tmp_path / "again.html"
    done = CliRunner().invoke(app, ["report", str(index), "-o", str(again)])
    assert done.exit_code == 0, done.output
    assert done.output.strip() == str(again)
    assert again.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")


def test_without_the_extra_calibrate_says_so_and_succeeds(
    built: tuple[Path, BuildSummary], tmp_path: Path
) -> None:
    index = tmp_path / "small.memguard"
    shutil.copytree(built[0], index)
    hide = (
        "import memguard.calibration.measure as m; m.MOST_SIMULATED = 2;"
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
    assert json.loads(done.stdout)["records"] == 60
    (line,) = PROGRESS.sub("", done.stderr).splitlines()
    assert line.startswith("no page for reviewers: ")
    assert "pip install 'memguard[report]'" in line
    assert not (index / "calibration.html").exists()
