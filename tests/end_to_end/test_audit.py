"""The audit of models that memorize, bare and guarded: a diffusion model trained here on two
pictures, and a text-to-image pipeline that remembers a few."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers import StableDiffusionPipeline
from fixtures import tiny_pipelines
from fixtures.calibrations import simulated_copies_of
from fixtures.command_line import invoked
from PIL import Image

from memguard import audit, guard
from memguard.demo.training import Recipe, train
from memguard.lifecycle import build_index

SIDE = 16
"""Pixels along the edge of the trained model's pictures."""

STEPS = 110
"""Of training: after these every sample is within l2 0.08 of one of the two pictures."""

SAMPLES = 12


@pytest.fixture(scope="module")
def memorizing(
    photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A saved pipeline trained on two pictures, and the index of a training set with these."""
    root = tmp_path_factory.mktemp("memorizing")
    (root / "taught").mkdir()
    (root / "training").mkdir()
    for name, photograph in photographs.items():
        square = photograph.crop((0, 0, min(photograph.size), min(photograph.size)))
        small = square.resize((SIDE, SIDE), Image.Resampling.BOX)
        small.save(root / "training" / f"{Path(name).stem}.png")
    for name in ("astronaut.png", "coffee.png"):
        shutil.copy(root / "training" / name, root / "taught" / name)
        shutil.copy(root / "training" / name, root / "training" / f"again-{name}")
    recipe = Recipe(steps=STEPS, batch=8, channels=(16, 32, 32))
    train(root / "taught", root / "cache", recipe).save_pretrained(root / "pipeline")
    with simulated_copies_of(1):
        build_index(root / "training", root / "training.memguard", weights={}, workers=0)
    return root / "pipeline", root / "training.memguard"


def test_a_trained_model_by_the_command_bare_and_guarded(
    memorizing: tuple[Path, Path], tmp_path: Path
) -> None:
    pipeline, index = memorizing
    command = ["audit", pipeline, "--unconditional", SAMPLES, "--batch-size", 5, "--clique", 2]
    command += ["--set", "num_inference_steps=8"]
    bare, guarded = tmp_path / "bare", tmp_path / "guarded"
    done = invoked(*command, "-o", bare, "-i", index)
    assert done.exit_code == 3, done.stderr
    assert "The model copied 2 of" in done.stdout
    assert (bare / "audit.html").is_file()
    result = json.loads((bare / "audit.json").read_text())
    assert result["counts"] == {"made": SAMPLES, "withheld": 0, "blank": 0, "unreadable": 0}
    findings = result["findings"]
    assert findings["memorized"]["count"] == SAMPLES
    assert findings["within_delta"] == SAMPLES
    stems = [Path(each["match"]["uri"]).stem for each in findings["extractions"]]
    assert {stem.removeprefix("again-") for stem in stems} == {"astronaut", "coffee"}
    assert [each["duplicates"] for each in findings["extractions"]] == [2, 2]
    assert sum(each["samples"] for each in findings["extractions"]) == SAMPLES
    assert sum(len(group["files"]) for group in result["groups"]) == SAMPLES
    assert result["confirmed"]["count"] == len(result["groups"]) == 2
    assert result["eidetic"]["copies"]["count"] == SAMPLES
    assert result["eidetic"]["distinct"] == 2
    assert result["eidetic"]["counts"]["1"] == 0, "both are in the training set twice"
    assert result["eidetic"]["counts"]["2"] == 2
    made = {file: file.stat().st_mtime_ns for file in bare.rglob("*.png")}

    ran = invoked(*command, "-o", bare)
    assert ran.exit_code == 3, "the black box finds it too, in the images that are there"
    assert "There was no index of the training set" in ran.output
    result = json.loads((bare / "audit.json").read_text())
    assert result["findings"] is None
    assert len(result["groups"]) == 2
    assert made == {file: file.stat().st_mtime_ns for file in bare.rglob("*.png")}

    ran = invoked(*command, "-o", guarded, "-i", index, "--guarded")
    assert ran.exit_code == 0, ran.output
    assert f"withheld {SAMPLES} of {SAMPLES} images" in ran.output
    result = json.loads((guarded / "audit.json").read_text())
    assert result["counts"] == {"made": 0, "withheld": SAMPLES, "blank": 0, "unreadable": 0}
    assert result["groups"] == []
    assert result["findings"]["extractions"] == []


class Remembering(StableDiffusionPipeline):  # type: ignore[misc]
    """A text-to-image pipeline that gives a training image, with some of what it would have made
    otherwise laid over it, for the prompts that it remembers."""

    remembered: dict[str, Image.Image]

    def __call__(self, prompt: str, **arguments: Any) -> Any:  # type: ignore[override]
        output = super().__call__(prompt, **arguments)
        if prompt in self.remembered:
            original = self.remembered[prompt].resize((tiny_pipelines.PIXELS,) * 2)
            output.images = [Image.blend(original, image, 0.08) for image in output.images]
        return output


@pytest.fixture
def remembering(photographs: dict[str, Image.Image]) -> Iterator[Remembering]:
    pipe = Remembering(**tiny_pipelines.stable_diffusion().components)
    pipe.set_progress_bar_config(disable=True)
    pipe.remembered = {
        "a cat": photographs["chelsea.png"],
        "a cup of coffee": photographs["coffee.png"],
    }
    return pipe


PROMPTS = ("a dog", "a cat", "the sea", "a cup of coffee", "a house", "rain")


def test_the_prompts_of_memorized_images_are_found_and_a_guard_leaves_nothing(
    remembering: Remembering, gallery: Path, tmp_path: Path
) -> None:
    asked: dict[str, Any] = {
        "images_per_prompt": 6,
        "arguments": {"num_inference_steps": 2, "height": 64, "width": 64},
    }
    black_box = audit(remembering, PROMPTS, output=tmp_path / "bare", **asked)
    assert {each.prompt for each in black_box.prompts[:2]} == {"a cat", "a cup of coffee"}
    assert [each.marked for each in black_box.prompts] == [True] * 2 + [False] * 4
    assert black_box.memorizes

    found = audit(remembering, PROMPTS, output=tmp_path / "bare", index=gallery, **asked)
    assert found.findings is not None
    assert found.findings.memorized.count == 12
    assert found.precision[:2] == (1, 1)
    assert found.copied_prompts is not None
    assert found.copied_prompts.count == 2
    extracted = {Path(each.match.uri).stem: each for each in found.findings.extractions}
    assert extracted["chelsea"].duplicates == 3
    assert extracted["chelsea"].samples == extracted["coffee"].samples == 6

    guarded = audit(
        guard(remembering, gallery),
        PROMPTS,
        output=tmp_path / "guarded",
        index=gallery,
        **asked,
    )
    assert not guarded.memorizes
    assert guarded.findings is not None
    assert guarded.findings.memorized.count == 0
    assert guarded.findings.extractions == ()
    assert guarded.marked.count == 0, "placeholders are all alike, and no clique"
    withheld = {each.prompt: each.counts.withheld for each in guarded.prompts}
    assert withheld == {prompt: 6 * (prompt in remembering.remembered) for prompt in PROMPTS}
    shown = {
        file.relative_to(tmp_path / "guarded"): np.asarray(Image.open(file))
        for file in (tmp_path / "guarded" / "images").rglob("*.png")
    }
    for file, levels in shown.items():
        bare = np.asarray(Image.open(tmp_path / "bare" / file))
        assert np.array_equal(levels, bare) != (len(np.unique(levels)) == 1), "untouched or blank"
