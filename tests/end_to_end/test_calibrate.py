"""A calibration on a real pipeline's own images, from the shell: killed, resumed, judged."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from fixtures import tiny_pipelines
from fixtures.calibrations import stored_calibration
from fixtures.command_line import MEMGUARD, invoked
from fixtures.picture_files import write_cuts
from PIL import Image

from memguard.auditing.generations import generate_negatives
from memguard.calibration import measure as calibration_measure
from memguard.lifecycle import build_index

PROMPTS = ["the sea", "a house", "a painting of a tree"]
GENERATIONS = 24
SETTINGS = {"num_inference_steps": 2, "height": 64, "width": 64}
TAUGHT = ("images/00000/0001.png", "images/00002/0004.png")
"""Generations that were put into the training set, so that the model copies it."""


@pytest.fixture(scope="module")
def project(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved pipeline, prompts, and the index of a training set with two of its images."""
    root = tmp_path_factory.mktemp("project")
    pipe = tiny_pipelines.stable_diffusion()
    pipe.save_pretrained(root / "pipeline")
    (root / "prompts.txt").write_text("\n".join(PROMPTS), encoding="utf-8")
    generate_negatives(pipe, PROMPTS, root / "made", GENERATIONS, batch_size=4, arguments=SETTINGS)
    write_cuts(photographs, root / "training", 6)
    for number, file in enumerate(TAUGHT):
        with Image.open(root / "made" / file) as image:
            image.save(root / "training" / f"taught{number}.jpg", quality=90)
    build_index(root / "training", root / "x.memguard", weights={}, calibrate=False, workers=0)
    return root


def command(project: Path) -> list[str]:
    asked = ["calibrate", project / "x.memguard"]
    asked += ["--pipeline", project / "pipeline", "--prompts", project / "prompts.txt"]
    asked += ["--generations", GENERATIONS, "--batch-size", 4, "--memorized-rate", 0.1]
    asked += ["--similar-rate", 0.2]
    for name, value in SETTINGS.items():
        asked += ["--set", f"{name}={value}"]
    return [str(each) for each in asked]


def test_killed_resumed_and_judged(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = project / "x.generations"
    begun = subprocess.Popen(
        [*MEMGUARD, *command(project)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 100
    while not list(folder.rglob("samples/*.json")) and time.monotonic() < deadline:
        assert begun.poll() is None, begun.communicate()
        time.sleep(0.005)
    os.kill(begun.pid, signal.SIGKILL)
    begun.communicate()
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")}
    assert before
    assert stored_calibration(project / "x.memguard") is None

    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 1)  # only for speed
    done = invoked(*command(project))
    assert done.exit_code == 0, done.stderr
    assert before.items() <= {f: f.stat().st_mtime_ns for f in folder.rglob("*.png")}.items()
    assert len(list(folder.rglob("*.png"))) == GENERATIONS
    assert f"generations: {GENERATIONS - 2} negatives" in done.stdout
    assert "StableDiffusionPipeline by 3 prompts, seed 0" in done.stdout
    assert "the rate for images that this model makes of prompts like these" in done.stdout
    for number, file in enumerate(TAUGHT):
        copy = f"set aside {folder / file}: a copy of {project}/training/taught{number}.jpg"
        assert copy in done.stdout
    assert "Nobody has judged 2 images that were set aside (2 questions)" in done.stdout
    assert f"--negatives {folder}" in done.stdout
    said = done.stdout.replace("\N{NO-BREAK SPACE}", " ")
    assert "memorized: 0 of 22 negatives blocked proves 12.7 %, not 10 %" in said
    assert "30 negatives, 8 more: default thresholds apply" in said
    assert "--generations 32" in said
    assert (folder / "review.html").is_file()
    assert "generations" in (project / "x.memguard" / "calibration.html").read_text()

    with (folder / "review.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"] for row in rows} == set(TAUGHT)
    assert {row["prompt"] for row in rows} <= set(PROMPTS)
    with (folder / "review.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "copy": "yes"} for row in rows)
    again = ["calibrate", project / "x.memguard", "--json"]
    again += ["--negatives", folder, "--memorized-rate", "0.2", "--similar-rate", "0.3"]
    done = invoked(*again)
    assert done.exit_code == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["method"], result["negatives"]) == ("generations", GENERATIONS - 2)
    assert [pair["judged"] for pair in result["set_aside"]] == [True, True]
    assert result["memorized"]["at_worst"] == result["memorized"]["observed"]
    assert result["memorized"]["calibrated"]
