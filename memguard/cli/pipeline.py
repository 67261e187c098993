"""Pipelines named on the command line, and the options of their calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from memguard.cli.options import named_values
from memguard.errors import ConfigurationError

Column = Annotated[Optional[str], typer.Option(help="The prompts' column.")]
BatchSize = Annotated[int, typer.Option(min=1, help="Images in each call.")]
Seed = Annotated[int, typer.Option(help="Seed of the first image.")]
Settings = Annotated[
    Optional[list[str]],
    typer.Option("--set", metavar="NAME=VALUE", help="An argument for the pipeline's calls."),
]
Device = Annotated[str, typer.Option(help="The pipeline's device.")]
Dtype = Annotated[
    str, typer.Option(help="Of the pipeline's weights: float32, float16 or bfloat16.")
]

RESUMES = "the images made so far are kept. Run the same command again: it makes the rest"
"""What Ctrl-C leaves behind of images that a pipeline makes, and how to go on."""


def call_arguments(settings: list[str] | None) -> dict[str, Any]:
    """The values of ``--set``, read as JSON where they are JSON."""
    arguments: dict[str, Any] = {}
    for name, value in named_values("--set", settings).items():
        try:
            arguments[name] = json.loads(value)
        except ValueError:
            arguments[name] = value
    return arguments


def load_pipeline(name: str, device: str, dtype: str) -> Any:
    """A pipeline from safetensors, without unpickling and without code from the hub.

    Args:
        name: a directory or hub name of a diffusers pipeline.
        device: for example ``cpu`` or ``cuda``.
        dtype: of its weights.

    Raises:
        ConfigurationError: diffusers is not installed, the dtype is unknown, or the pipeline cannot
            be loaded.
    """
    from memguard._optional import require

    diffusers = require("diffusers", extra="diffusers")
    import torch

    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise ConfigurationError(f"unknown --dtype {dtype!r}; it is float32, float16 or bfloat16")
    try:
        pipe = diffusers.DiffusionPipeline.from_pretrained(name, use_safetensors=True)
        pipe.to(device, kind)
    except (OSError, ValueError, RuntimeError) as error:
        first = str(error).strip().partition("\n")[0]
        place = "" if Path(name).is_dir() else " (no folder here, so a name on the hub)"
        raise ConfigurationError(f"{name}{place} cannot be loaded on {device}: {first}") from error
    pipe.set_progress_bar_config(disable=True)
    return pipe
