"""Pipelines and their arguments from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from fixtures import tiny_pipelines

from memguard.cli.pipeline import call_arguments, load_pipeline
from memguard.errors import ConfigurationError


def test_arguments_are_json_where_they_are() -> None:
    settings = ["steps=2", "scale=1.5", "prompt_2=[a]", "names=[1, 2]", "clean=false"]
    assert call_arguments(settings) == {
        "steps": 2,
        "scale": 1.5,
        "prompt_2": "[a]",
        "names": [1, 2],
        "clean": False,
    }
    assert call_arguments(None) == {}


def test_a_saved_pipeline_is_loaded_with_its_dtype(tmp_path: Path) -> None:
    tiny_pipelines.ddpm().save_pretrained(tmp_path / "pipeline")
    pipe = load_pipeline(str(tmp_path / "pipeline"), "cpu", "bfloat16")
    assert type(pipe).__name__ == "DDPMPipeline"
    assert pipe.unet.dtype == torch.bfloat16
    with pytest.raises(ConfigurationError, match="unknown --dtype 'load'"):
        load_pipeline(str(tmp_path / "pipeline"), "cpu", "load")
