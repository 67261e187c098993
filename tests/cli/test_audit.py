"""``memguard audit``: what it refuses, and a text-to-image pipeline from a directory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fixtures import tiny_pipelines
from typer.testing import CliRunner

from memguard.cli import app
from memguard.errors import ConfigurationError


def refused(*arguments: object) -> str:
    """The error of a command that is refused."""
    done = CliRunner().invoke(app, ["audit", *map(str, arguments)])
    assert isinstance(done.exception, ConfigurationError), done.output
    return str(done.exception)


def test_a_saved_pipeline_with_prompts_from_a_table(tmp_path: Path) -> None:
    tiny_pipelines.stable_diffusion().save_pretrained(tmp_path / "pipeline")
    prompts = tmp_path / "prompts.csv"
    prompts.write_text("id,said\n1,the sea\n2,a house\n", encoding="utf-8")
    command = ["audit", tmp_path / "pipeline", "-o", tmp_path / "out", "-n", 3, "--seed", 5]
    command += ["--prompts", prompts, "--column", "said", "--threshold", 0.01, "--json"]
    for setting in ("num_inference_steps=2", "height=64", "width=64", "negative_prompt=grey"):
        command += ["--set", setting]
    done = CliRunner().invoke(app, list(map(str, command)))
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert result == json.loads((tmp_path / "out" / "audit.json").read_text())
    assert result["threshold"] == 0.01
    assert {each["prompt"] for each in result["prompts"]} == {"the sea", "a house"}
    assert result["counts"]["made"] == 6
    assert result["request"]["seed"] == 5
    assert result["request"]["arguments"] == {
        "height": 64,
        "negative_prompt": "grey",
        "num_inference_steps": 2,
        "width": 64,
    }
    assert len(list((tmp_path / "out" / "images").rglob("*.png"))) == 6
    assert result["provenance"]["model"] == str(tmp_path / "pipeline")
    assert result["provenance"]["index"] == "none: a black-box audit"
    digest = result["request"]["weights_sha256"]
    assert result["provenance"]["model's weights (SHA-256)"] == digest
    assert len(digest) == 64
    assert digest in (tmp_path / "out" / "audit.html").read_text(encoding="utf-8")


def test_a_budget_reaches_the_prompts_that_guide_most(tmp_path: Path) -> None:
    tiny_pipelines.stable_diffusion().save_pretrained(tmp_path / "pipeline")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("the sea\na house\na cat\n", encoding="utf-8")
    command = ["audit", tmp_path / "pipeline", "-o", tmp_path / "out", "-n", 2, "--budget", 3]
    command += ["--prompts", prompts]
    for setting in ("num_inference_steps=2", "height=64", "width=64"):
        command += ["--set", setting]
    done = CliRunner().invoke(app, list(map(str, command)))
    said = " ".join(done.output.split())
    assert "The budget reached 1 of 3 prompts" in said
    result = json.loads((tmp_path / "out" / "audit.json").read_text())
    (reached,) = result["prompts"]
    ranked = json.loads((tmp_path / "out" / "ranking.json").read_text())
    assert reached["number"] == max(range(3), key=ranked.__getitem__)
    assert reached["text_guidance"] == pytest.approx(max(ranked), rel=1e-4)
    assert len(result["unreached"]) == 2
    assert sum(result["counts"].values()) == 2


def test_commands_that_are_refused(tmp_path: Path) -> None:
    output = ("-o", tmp_path / "out")
    assert "name the prompts: --prompts FILE" in refused("pipeline", *output)
    assert "--guarded takes the --index" in refused("pipeline", *output, "--guarded")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a cat\n", encoding="utf-8")
    both = refused("pipeline", *output, "--unconditional", 3, "--prompts", prompts)
    assert "takes no --prompts" in both or "take no --prompts" in both
    budget = refused("pipeline", *output, "--unconditional", 3, "--budget", 9)
    assert "--budget ranks prompts" in budget
    asked = ("--prompts", prompts, *output)
    assert "--set takes NAME=VALUE, not 'steps'" in refused("pipeline", *asked, "--set", "steps")
    assert "unknown --dtype 'half a float'" in refused("p", *asked, "--dtype", "half a float")
    (tmp_path / "empty").mkdir()
    assert "cannot be loaded on cpu" in refused(tmp_path / "empty", *asked)
    misspelt = refused(tmp_path / "nowhere", *asked)
    assert "nowhere (no folder here, so a name on the hub) cannot be loaded" in misspelt
    assert not (tmp_path / "out").exists()


def test_weights_that_would_have_to_be_unpickled_are_refused(tmp_path: Path) -> None:
    tiny_pipelines.ddpm().save_pretrained(tmp_path / "pipeline", safe_serialization=False)
    assert list((tmp_path / "pipeline").rglob("*.bin"))
    refusal = refused(tmp_path / "pipeline", "--unconditional", 2, "-o", tmp_path / "out")
    assert "cannot be loaded" in refusal
    assert "safetensors" in refusal


@pytest.mark.parametrize("arguments", [("-n", "1"), ("--clique", "1"), ("--unconditional", "0")])
def test_numbers_out_of_range(arguments: tuple[str, str]) -> None:
    done = CliRunner().invoke(app, ["audit", "pipeline", "-o", "out", *arguments])
    assert done.exit_code == 2
