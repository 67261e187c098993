"""A model's own images as negatives: made, resumed, searched for copies, judged by a human."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures.calibrations import stored_calibration, stored_measurements
from fixtures.guided_pipeline import GuidedPipeline
from PIL import Image, ImageOps

from memguard import Calibration, CalibrationError, Guard, audit, calibrate_index, guard, open_index
from memguard.auditing.generations import generate_negatives, generations_needed
from memguard.calibration import measure as calibration_measure
from memguard.calibration.rates import Rate
from memguard.demo.photographs import photographs as skimage_photographs
from memguard.errors import ConfigurationError
from memguard.lifecycle import generations_folder
from memguard.vision.transforms import dead_leaves

KILLED_AT = 7
"""Images that are made before the process dies."""
PROMPTS = ["leaves", "more leaves", "a cat", "always the same"]
COUNT = 16
EACH = COUNT // len(PROMPTS)


def pipeline(prompt: str, seed: int) -> Image.Image:
    """Novel pictures, but a training image for "a cat", and one picture for "always the same"."""
    rng = np.random.default_rng(seed)
    if prompt == "a cat":
        picture = ImageOps.mirror(skimage_photographs()["chelsea.png"]).resize((120, 80))
    else:
        fixed = np.random.default_rng(3) if prompt == "always the same" else rng
        picture = dead_leaves((80, 80), fixed, leaves=150)
    noisy = np.asarray(picture) + rng.normal(0, 6, (*picture.size[::-1], 3))
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


@pytest.fixture(autouse=True)
def few_simulated_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for speed."""
    monkeypatch.setattr(calibration_measure, "MOST_SIMULATED", 1)


@pytest.fixture
def index(gallery: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(gallery, tmp_path / "gallery.memguard"))


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "review.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def answer(folder: Path, said: dict[str, str]) -> None:
    """Answer the question about an image of each of these prompts."""
    known = rows(folder)
    with (folder / "review.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(known[0]))
        writer.writeheader()
        for row in known:
            writer.writerow({**row, "copy": said.get(row["prompt"], row["copy"])})


def test_copies_and_repetitions_are_set_aside_until_a_human_has_judged(index: Path) -> None:
    asked: dict[str, Any] = {"similar_rate": 0.45, "memorized_rate": 0.4}
    steps: list[tuple[str, int, int]] = []
    found = calibrate_index(
        index,
        pipeline,
        prompts=PROMPTS,
        generations=COUNT,
        on_generation=lambda *now: steps.append(now),
        **asked,
    )
    folder = index.with_name("gallery.generations")
    assert folder == generations_folder(index)
    assert ("Generating", COUNT, COUNT) in steps
    assert ("Reading", COUNT, COUNT) in steps
    assert stored_calibration(index) == found
    assert (found.method, found.negatives) == ("generations", 2 * EACH)
    assert found.source.startswith(f"{COUNT} images of ")
    assert found.source.endswith(f".pipeline by 4 prompts, seed 0, in {folder}")
    cats = [one for one in found.contaminated if one.agreed]
    assert len(cats) == EACH
    assert {Path(one.reference).name for one in cats} == {"chelsea.png"}
    assert {one.alike for one in found.contaminated} == {EACH}
    assert len(found.contaminated) == 2 * EACH
    assert found.memorized.calibrated, "8 prove 40 %"
    assert found.memorized.observed.total == 2 * EACH
    doubtful = found.memorized.observed.count + 2 * EACH
    assert found.memorized.at_worst == Rate.of(doubtful, 4 * EACH), "nobody has judged them"

    asks = {row["prompt"]: row for row in rows(folder)}
    assert set(asks) == {"a cat", "always the same"}
    for row in asks.values():
        assert (row["copy"], row["unless_answered"], row["images"]) == ("", "set aside", str(EACH))
        assert f"{EACH} images are nearly the same" in row["why"]
        assert (folder / row["file"]).is_file()
    assert "signals agree that it copies" in asks["a cat"]["why"]
    assert "signals agree" not in asks["always the same"]["why"]

    answer(folder, {"a cat": "yes", "always the same": "no"})
    made = {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")}
    judged = calibrate_index(index, folder, **asked)
    assert judged.negatives == 3 * EACH, "what always comes out is novel after all, and counts"
    assert {one.judged for one in judged.contaminated} == {True}
    assert len(judged.contaminated) == EACH
    assert judged.memorized.at_worst == judged.memorized.observed
    assert judged.source.endswith(f"; a human judged {2 * EACH} of them")
    assert stored_measurements(index).method == "generations"
    assert {row["prompt"]: row["copy"] for row in rows(folder)} == {
        "a cat": "yes",
        "always the same": "no",
    }
    assert made == {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")}
    (verdict,) = Guard(index).check(pipeline("a cat", 99))
    assert verdict.label == "memorized"


def test_what_counts_and_is_near_is_asked_too(index: Path, cat: Image.Image) -> None:
    """A copy that signals do not agree on would drive the thresholds; a human can say so."""

    def mixing(prompt: str, seed: int) -> Image.Image:
        picture = pipeline("leaves", seed)
        share = 0.6 if prompt == "mostly a cat" else 0
        return Image.blend(picture, cat.resize(picture.size), share)

    asked: dict[str, Any] = {"similar_rate": 0.3, "memorized_rate": 0.25}
    prompts = ["mostly a cat", *(f"leaves {number}" for number in range(9))]
    found = calibrate_index(index, mixing, prompts=prompts, generations=20, **asked)
    folder = generations_folder(index)
    counted = [row for row in rows(folder) if row["unless_answered"] == "counted"]
    assert counted
    assert {row["prompt"] for row in counted} == {"mostly a cat"}
    assert "is within the" in counted[0]["why"]
    assert found.negatives == 20 - len(found.contaminated)
    answer(folder, {"mostly a cat": "yes"})
    judged = calibrate_index(index, folder, **asked)
    assert judged.negatives < found.negatives
    assert stored_measurements(index).negatives["copy_evidence"].min() > -24


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_generations import COUNT, PROMPTS, pipeline
from memguard import calibrate_index
calls = 0
def dying(prompt, seed):
    global calls
    calls += 1
    if calls > {killed_at}:
        os.kill(os.getpid(), signal.SIGKILL)
    return pipeline(prompt, seed)
dying.__module__, dying.__qualname__ = {module!r}, "pipeline"
calibrate_index({index!r}, dying, prompts=PROMPTS, generations=COUNT)
"""


def test_killed_in_the_middle_and_resumed_and_then_more(index: Path, tmp_path: Path) -> None:
    generate_negatives(pipeline, PROMPTS, tmp_path / "whole", COUNT)
    names = {"module": pipeline.__module__, "tests": str(Path(__file__).parent)}
    code = KILLED.format(index=str(index), killed_at=KILLED_AT, **names)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    folder = generations_folder(index)
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")}
    assert len(before) == KILLED_AT
    assert stored_calibration(index) is None

    calls: list[int] = []

    def counting(prompt: str, seed: int) -> Image.Image:
        calls.append(seed)
        return pipeline(prompt, seed)

    counting.__module__, counting.__qualname__ = pipeline.__module__, "pipeline"
    found = calibrate_index(index, counting, prompts=PROMPTS, generations=COUNT)
    assert len(calls) == COUNT - KILLED_AT
    assert found.method == "generations"
    assert before.items() <= {f: f.stat().st_mtime_ns for f in folder.rglob("*.png")}.items()
    for file in (tmp_path / "whole").rglob("*.png"):
        again = folder / file.relative_to(tmp_path / "whole")
        assert again.read_bytes() == file.read_bytes()

    more = calibrate_index(index, counting, prompts=PROMPTS, generations=COUNT + 4)
    assert len(calls) == COUNT - KILLED_AT + 4
    assert more.negatives == found.negatives + 2
    with pytest.raises(ConfigurationError, match="another seed: name another folder"):
        calibrate_index(index, counting, prompts=PROMPTS, generations=COUNT, seed=1)


def test_none_that_is_evidence_is_refused_and_a_human_may_disagree(index: Path) -> None:
    with pytest.raises(CalibrationError, match=r"none of the 6 .*, or say in .*review\.csv which"):
        calibrate_index(index, pipeline, prompts=["a cat"], generations=6)
    assert stored_calibration(index) is None
    answer(generations_folder(index), {"a cat": "no"})
    assert calibrate_index(index, generations_folder(index)).negatives == 6


def test_the_folder_of_an_audit_serves_too(index: Path, tmp_path: Path) -> None:
    audit(pipeline, ["leaves", "a cat"], output=tmp_path / "audit", images_per_prompt=4)
    found = calibrate_index(index, tmp_path / "audit")
    assert (found.method, found.negatives, len(found.contaminated)) == ("generations", 4, 4)


def test_models_without_prompts(index: Path, tmp_path: Path) -> None:
    def unconditional(seed: int) -> Image.Image:
        return pipeline("leaves", seed)

    found = calibrate_index(index, unconditional, generations=5, output=tmp_path / "made")
    assert found.negatives == 5
    assert len(list((tmp_path / "made").rglob("*.png"))) == 5
    assert rows(tmp_path / "made") == []


def test_fewer_images_than_prompts_draw_prompts(tmp_path: Path) -> None:
    prompts = [f"leaves {number}" for number in range(50)]
    made = generate_negatives(pipeline, prompts, tmp_path / "made", 5)
    assert len(made) == 5
    assert " by 5 prompts" in made.source
    again = generate_negatives(pipeline, prompts, tmp_path / "made", 7)
    assert [name for name, _ in again.read(0, 5)] == [name for name, _ in made.read(0, 5)]


def test_as_many_are_made_as_the_rate_needs() -> None:
    assert generations_needed(1e-3) == 3300
    assert generations_needed(0.05) == 66


def test_what_makes_no_sense_is_refused_before_any_image_is_made(
    index: Path, calibrated: Any, tmp_path: Path
) -> None:
    for problem, negatives, options in (
        ("takes prompts: name some", pipeline, {}),
        ("distinct prompts", pipeline, {"prompts": ["a", "a"]}),
        ("distinct prompts", pipeline, {"prompts": []}),
        ("at least one image, not 0", pipeline, {"prompts": ["a"], "generations": 0}),
        ("this pipeline is guarded", guard(pipeline, calibrated.path), {"prompts": ["a"]}),
        ("are for negatives of a pipeline", None, {"prompts": ["a"]}),
        ("are for negatives of a pipeline", tmp_path, {"generations": 3}),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            calibrate_index(index, negatives, **options)  # type: ignore[arg-type]
    with pytest.raises(CalibrationError, match=r"memorized_rate .* is 2"):
        calibrate_index(index, pipeline, prompts=["a"], memorized_rate=2)
    assert not generations_folder(index).exists()
    with pytest.raises(ConfigurationError, match=r"name a folder for the images \(output\)"):
        generations_folder("milvus://localhost/art")


def test_ordinary_prompts_choose_the_threshold_on_prompts(index: Path) -> None:
    """The prompts of copies, which guide most, are no ordinary ones; one value counts for each."""

    def draw(prompt: str, seed: int) -> Image.Image:
        return pipeline("a cat" if prompt.startswith("a cat") else "leaves", seed)

    prompts = [f"leaves {number / 100}" for number in range(1, 9)] + ["a cat 5"]
    found = calibrate_index(
        index,
        GuidedPipeline(draw),
        prompts=prompts,
        generations=2 * len(prompts),
        similar_rate=0.4,
        memorized_rate=0.3,
    ).text_guidance
    assert found is not None
    assert (found.prompts, found.needed, found.timestep, found.read) == (8, 8, 1000.0, "pair")
    assert found.threshold == pytest.approx(0.06)
    assert Calibration.of(open_index(index)).text_guidance == found
    again = calibrate_index(
        index, generations_folder(index), similar_rate=0.35, memorized_rate=0.3
    ).text_guidance
    assert again is not None
    assert (again.prompts, again.needed, again.threshold) == (8, 9, None)
