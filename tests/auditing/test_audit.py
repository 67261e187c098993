"""The audit of prompts on plain functions: ranking, resuming, reproducing, refusing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.calibrations import Calibrated
from PIL import Image

from memguard import audit
from memguard.auditing.generation import image_seed
from memguard.errors import ConfigurationError, UnsupportedOutputError

SIDE = 16


def random_picture(seed: int) -> np.ndarray:
    """Random blocks of 4 pixels: images of different seeds are far apart."""
    blocks = np.random.default_rng(seed).integers(0, 256, (SIDE // 4, SIDE // 4, 3))
    return blocks.repeat(4, axis=0).repeat(4, axis=1)


def pipeline(prompt: str, seed: int) -> Image.Image:
    """The prompt "N M" gives its own picture for N of 8 seeds, with noise of sigma M, else any."""
    share, noise = map(int, prompt.split())
    fixed = seed % 8 < share
    levels = random_picture(share if fixed else seed).astype(float)
    levels += np.random.default_rng(seed).normal(0, noise, levels.shape)
    return Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))


PROMPTS = ["0 0", "8 9", "4 3", "0 5", "8 2"]


def test_prompts_are_ranked_and_marked(tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    result = audit(
        pipeline,
        PROMPTS,
        output=tmp_path,
        images_per_prompt=16,
        on_progress=lambda *now: steps.append(now),
    )
    assert [each.prompt for each in result.prompts[:3]] == ["8 2", "4 3", "8 9"]
    assert [each.marked for each in result.prompts] == [True] * 3 + [False] * 2
    best, second = result.prompts[:2]
    assert best.number == 4
    assert best.clique.members == tuple(range(16))
    seeds = [image_seed(0, 2, image) for image in range(16)]
    assert second.clique.members == tuple(i for i, seed in enumerate(seeds) if seed % 8 < 4)
    assert best.clique.mean_distance < second.clique.mean_distance
    assert best.medoid == f"images/00004/{best.clique.medoid:04d}.png"
    assert (best.verdict, best.memorized, result.findings) == (None, None, None)
    assert (result.marked.count, result.marked.total) == (3, 5)
    assert result.needed == 3
    assert steps[0] == ("Generating", 0, 80)
    assert ("Generating", 80, 80) in steps

    written = json.loads((tmp_path / "audit.json").read_text())
    assert written == json.loads(json.dumps(result.to_json()))
    assert [each["prompt"] for each in written["prompts"]] == [
        each.prompt for each in result.prompts
    ]
    for number in range(5):
        samples = json.loads((tmp_path / "samples" / f"{number:05d}.json").read_text())
        for sample in samples:
            again = np.asarray(pipeline(PROMPTS[number], sample["seed"]))
            assert np.array_equal(np.asarray(Image.open(tmp_path / sample["file"])), again)


def test_the_threshold_and_the_size_of_the_clique_are_the_callers(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"output": tmp_path, "images_per_prompt": 16}
    strict = audit(pipeline, PROMPTS, threshold=0.03, **asked)
    assert [each.prompt for each in strict.prompts if each.marked] == ["8 2", "4 3"]
    large = audit(pipeline, PROMPTS, clique=12, **asked)
    assert [each.prompt for each in large.prompts if each.marked] == ["8 2", "8 9"]
    assert large.needed == 12


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_audit import PROMPTS, pipeline
from memguard import audit
calls = 0
def dying(prompt, seed):
    global calls
    calls += 1
    if calls > 23:
        os.kill(os.getpid(), signal.SIGKILL)
    return pipeline(prompt, seed)
dying.__module__, dying.__qualname__ = {module!r}, "pipeline"
audit(dying, PROMPTS, output={output!r}, images_per_prompt=8)
"""


def test_killed_in_the_middle_and_resumed(tmp_path: Path) -> None:
    whole = audit(pipeline, PROMPTS, output=tmp_path / "whole", images_per_prompt=8)
    output = tmp_path / "killed"
    names = {"module": pipeline.__module__, "tests": str(Path(__file__).parent)}
    code = KILLED.format(output=str(output), **names)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    before = {file: file.stat().st_mtime_ns for file in output.rglob("*.png")}
    assert len(before) == 23

    calls = []

    def counting(prompt: str, seed: int) -> Image.Image:
        calls.append(prompt)
        return pipeline(prompt, seed)

    counting.__qualname__ = pipeline.__qualname__
    resumed = audit(counting, PROMPTS, output=output, images_per_prompt=8)
    assert len(calls) == 5 * 8 - 23
    assert resumed == whole
    assert before.items() <= {f: f.stat().st_mtime_ns for f in output.rglob("*.png")}.items()


def test_another_seed_makes_other_images(tmp_path: Path) -> None:
    audit(pipeline, PROMPTS[:1], output=tmp_path / "a", images_per_prompt=4)
    audit(pipeline, PROMPTS[:1], output=tmp_path / "b", images_per_prompt=4, seed=1)
    names = {file.name: file.read_bytes() for file in (tmp_path / "a").rglob("*.png")}
    others = {file.name: file.read_bytes() for file in (tmp_path / "b").rglob("*.png")}
    assert len(names) == 4
    assert not set(names.values()) & set(others.values())
    with pytest.raises(ConfigurationError, match="another seed"):
        audit(pipeline, PROMPTS[:1], output=tmp_path / "a", images_per_prompt=4, seed=1)


def test_with_an_index_each_image_is_looked_up_once(
    calibrated: Calibrated, cat: Image.Image, tmp_path: Path
) -> None:
    novel = Image.open(calibrated.negatives / "003.png")
    noisy = Image.blend(cat, Image.effect_noise(cat.size, 60).convert("RGB"), 0.1)

    def remembers(prompt: str) -> list[Image.Image]:
        pictures = {"cat": [cat, noisy, cat], "novel": [novel, novel], "empty": [novel]}[prompt]
        return [*pictures, *[Image.new("RGB", (32, 32), "white")] * (4 - len(pictures))]

    asked: dict[str, Any] = {"output": tmp_path, "images_per_prompt": 4, "clique": 2}
    prompts = ["empty", "novel", "cat"]
    result = audit(remembers, prompts, index=calibrated.path, **asked)
    assert (result.counts.made, result.counts.blank) == (6, 6)
    assert result.request["seeded"] is False
    by_prompt = {each.prompt: each for each in result.prompts}
    assert by_prompt["cat"].memorized == 3
    assert by_prompt["novel"].memorized == 0
    assert by_prompt["novel"].marked, "alike, but no copy: what only an index can tell"
    assert not by_prompt["empty"].marked
    assert by_prompt["empty"].clique.members == (), "blank images are all alike and do not count"
    findings = result.findings
    assert findings is not None
    assert (findings.memorized.count, findings.memorized.total) == (3, 6)
    assert findings.false_rate == calibrated.calibration.memorized.target
    (extraction,) = findings.extractions
    assert Path(extraction.match.uri).name == "chelsea.png"
    assert (extraction.samples, extraction.duplicates, extraction.prompt) == (3, 3, "cat")
    assert result.confirmed is not None
    assert (result.confirmed.count, result.confirmed.total) == (1, 2)
    assert sorted(result.precision) in ([0.5, 1.0], [0.0, 0.5])

    kept = {file: file.stat().st_mtime_ns for file in (tmp_path / "verdicts").iterdir()}
    assert len(kept) == 3
    assert audit(remembers, prompts, index=calibrated.path, **asked) == result
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "verdicts").iterdir()} == kept


def test_what_makes_no_sense(tmp_path: Path) -> None:
    for prompts in ([], ["a", "a"]):
        with pytest.raises(ConfigurationError, match="distinct prompts"):
            audit(pipeline, prompts, output=tmp_path / "x")
    with pytest.raises(ConfigurationError, match="images_per_prompt is at least 2"):
        audit(pipeline, ["0 0"], output=tmp_path / "x", images_per_prompt=1)
    with pytest.raises(ConfigurationError, match="batch_size is at least 1"):
        audit(pipeline, ["0 0"], output=tmp_path / "x", batch_size=0)
    assert not (tmp_path / "x").exists()
    with pytest.raises(UnsupportedOutputError):
        audit(lambda prompt: "no image", ["a"], output=tmp_path / "x")
