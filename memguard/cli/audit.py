"""The command that measures how much a model memorizes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.markup import escape

from memguard.cli.console import command_line, out, print_json, progress
from memguard.cli.options import Json, Weights, WeightsNow, weights_of
from memguard.cli.pipeline import (
    RESUMES,
    BatchSize,
    Column,
    Device,
    Dtype,
    Seed,
    Settings,
    call_arguments,
    load_pipeline,
)
from memguard.defaults import AUDIT_BATCH, AUDIT_CAPTIONS, AUDIT_IMAGES
from memguard.errors import ConfigurationError


def audit(
    pipeline: Annotated[
        str,
        typer.Argument(metavar="PIPELINE", help="Directory or hub name of a diffusers pipeline."),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="Folder for images and report; run again to resume."),
    ],
    prompts: Annotated[
        Optional[Path],
        typer.Option(help="Text, CSV or Parquet; by default the index's most duplicated captions."),
    ] = None,
    column: Column = None,
    captions: Annotated[
        int, typer.Option(min=1, help="Number of the index's captions, without --prompts.")
    ] = AUDIT_CAPTIONS,
    unconditional: Annotated[
        Optional[int],
        typer.Option(min=1, help="Number of images of a model without prompts."),
    ] = None,
    index: Annotated[
        Optional[Path],
        typer.Option("-i", "--index", help="The training set's index."),
    ] = None,
    images_per_prompt: Annotated[
        int, typer.Option("-n", "--images-per-prompt", min=2, help="Images for each prompt.")
    ] = AUDIT_IMAGES,
    budget: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Images in all: one step ranks the prompts, and the first ones get their images.",
        ),
    ] = None,
    batch_size: BatchSize = AUDIT_BATCH,
    seed: Seed = 0,
    threshold: Annotated[
        Optional[float], typer.Option(help="Largest tiled l2 of two images that are alike.")
    ] = None,
    clique: Annotated[
        Optional[int], typer.Option(min=2, help="Number of images alike that marks a prompt.")
    ] = None,
    setting: Settings = None,
    guarded: Annotated[
        bool,
        typer.Option("--guarded", help="Audit the pipeline as guarded with the index."),
    ] = False,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Measure how much a model memorizes; the exit status is 3 if it memorizes."""
    from memguard.auditing.audit import audit as audit_prompts
    from memguard.auditing.cliques import JOINED_TILED_L2, LEAST_CLIQUE
    from memguard.auditing.result import Audit
    from memguard.auditing.unconditional import audit_unconditional
    from memguard.pipelines.guard import guard
    from memguard.report.audit_page import write_audit_page
    from memguard.report.audit_text import headline

    if guarded and index is None:
        raise ConfigurationError("--guarded takes the --index that guards the pipeline")
    if unconditional is not None and (prompts is not None or column is not None):
        raise ConfigurationError("--unconditional is for models that take no --prompts")
    if unconditional is not None and budget is not None:
        raise ConfigurationError("--budget ranks prompts, and --unconditional takes none")
    arguments = call_arguments(setting)
    moved = weights_of(clip_weights, sscd_weights, weights)
    texts = [] if unconditional is not None else _prompts(prompts, column, index, captions)
    pipe = load_pipeline(pipeline, device, dtype)
    if guarded:
        pipe = guard(pipe, index, weights=moved)
    with progress("Generating", stopped=RESUMES) as show:
        options: dict[str, Any] = {
            "output": output,
            "index": index,
            "batch_size": batch_size,
            "seed": seed,
            "threshold": JOINED_TILED_L2 if threshold is None else threshold,
            "arguments": arguments,
            "weights": moved,
            "on_progress": show,
        }
        result = (
            audit_prompts(
                pipe,
                texts,
                images_per_prompt=images_per_prompt,
                clique=clique,
                budget=budget,
                **options,
            )
            if unconditional is None
            else audit_unconditional(pipe, unconditional, clique=clique or LEAST_CLIQUE, **options)
        )
    page = write_audit_page(result, output, command=command_line())
    if as_json:
        print_json(result.to_json())
    else:
        for sentence in headline(result):
            out.print(escape(sentence))
        if isinstance(result, Audit) and result.unreached:
            out.print(
                f"The budget reached {len(result.prompts)} of {len(texts)} prompts, those that "
                "guide the first step most: shares are of these, and say nothing of the others."
            )
        out.print(f"The report: [bold]{escape(str(page))}[/]")
    if result.memorizes:
        raise typer.Exit(3)


def _prompts(file: Path | None, column: str | None, index: Path | None, count: int) -> list[str]:
    from memguard.auditing.prompts import duplicated_captions, read_prompts
    from memguard.index.open import open_index

    if file is not None:
        return read_prompts(file, column)
    if index is None:
        raise ConfigurationError(
            "name the prompts: --prompts FILE, an --index with captions, or, for a model without "
            "prompts, --unconditional N"
        )
    return duplicated_captions(open_index(index), count)
