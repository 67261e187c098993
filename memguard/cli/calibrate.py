"""Commands that choose the thresholds of an index and report what they are worth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.markup import escape

from memguard.cli.console import (
    MOST_SHOWN,
    NOTHING_CHANGED,
    err,
    out,
    print_json,
    progress,
    writing,
)
from memguard.cli.options import IndexArgument, Json, Thorough, Weights, WeightsNow, weights_of
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
from memguard.defaults import AUDIT_BATCH, MEMORIZED_RATE, SIMILAR_RATE
from memguard.errors import ConfigurationError, MemguardError

if TYPE_CHECKING:
    from memguard.calibration.result import Calibration


def calibrate(
    index: IndexArgument,
    negatives: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder of images outside the training set, or of a --pipeline's images; by "
            "default leave-one-out."
        ),
    ] = None,
    pipeline: Annotated[
        Optional[str],
        typer.Option(
            metavar="PIPELINE",
            help="Directory or hub name of a diffusers pipeline: calibrate on its own images.",
        ),
    ] = None,
    prompts: Annotated[
        Optional[Path],
        typer.Option(help="Text, CSV or Parquet: prompts like those of the pipeline's users."),
    ] = None,
    column: Column = None,
    generations: Annotated[
        Optional[int],
        typer.Option(min=1, help="Images to make; by default as many as the rates need."),
    ] = None,
    output: Annotated[
        Optional[Path],
        typer.Option(
            "-o",
            "--output",
            help="Folder of the pipeline's images, by default beside the index; run again to "
            "resume.",
        ),
    ] = None,
    batch_size: BatchSize = AUDIT_BATCH,
    seed: Seed = 0,
    setting: Settings = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    similar_rate: Annotated[
        float, typer.Option(help="Allowed share of novel images flagged.")
    ] = SIMILAR_RATE,
    memorized_rate: Annotated[
        float, typer.Option(help="Allowed share of novel images blocked.")
    ] = MEMORIZED_RATE,
    thorough: Thorough = False,
    clip_blocks: Annotated[
        bool, typer.Option("--clip-blocks", help="Let CLIP block; by default it only flags.")
    ] = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Choose an index's thresholds for a false-positive rate, and report recall and FPR."""
    from memguard.lifecycle import calibrate_index, generations_folder

    made: dict[str, Any] = {}
    folder = negatives
    if pipeline is not None:
        if negatives is not None:
            raise ConfigurationError("name either --negatives or a --pipeline that makes them")
        folder = generations_folder(index) if output is None else output
        made = {
            "prompts": None if prompts is None else _read_prompts(prompts, column),
            "generations": generations,
            "output": folder,
            "batch_size": batch_size,
            "seed": seed,
            "arguments": call_arguments(setting),
        }
    elif any(each is not None for each in (prompts, column, generations, output, setting)):
        raise ConfigurationError(
            "--prompts, --column, --generations, --output and --set are for a --pipeline"
        )
    source = negatives if pipeline is None else load_pipeline(pipeline, device, dtype)
    first, stopped = ("Generating", RESUMES) if made else ("Calibrating", NOTHING_CHANGED)
    with progress(first, stopped=stopped) as show:
        calibration = calibrate_index(
            index,
            source,
            similar_rate=similar_rate,
            memorized_rate=memorized_rate,
            thorough=thorough,
            clip_blocks=clip_blocks,
            weights=weights_of(clip_weights, sscd_weights, weights),
            on_progress=partial(show, "Calibrating"),
            on_generation=show,
            **made,
        )
    page = _page("report_index", index)
    review = None
    if calibration.method == "generations" and folder is not None:
        review = _page("write_review_page", folder, index)
    if as_json:
        print_json(calibration.to_json())
        return
    _show(index, calibration)
    if folder is not None and calibration.method == "generations":
        _show_review(index, folder, review)
    if page is not None:
        out.print(f"The page for reviewers: [bold]{escape(str(page))}[/]")


def _show(index: Path, calibration: Calibration) -> None:
    from memguard.cli.calibration_text import show_advice, show_worth

    show_worth(calibration)
    for pair in calibration.contaminated[:MOST_SHOWN]:
        out.print(f"[yellow]set aside[/] {escape(pair.image)}: {escape(pair.reason)}")
    if len(calibration.contaminated) > MOST_SHOWN:
        out.print(f"... and {len(calibration.contaminated) - MOST_SHOWN} more")
    doubtful = calibration.memorized.at_worst
    if doubtful.count > calibration.memorized.observed.count:
        out.print(
            f"Check these pairs: if none is a copy, {doubtful.share:.2%} "
            f"(< {doubtful.upper:.2%}) of novel images are blocked."
        )
    show_advice(str(index), calibration)


def _show_review(index: Path, folder: Path, page: Path | None) -> None:
    """Say what a human can still decide."""
    from memguard.auditing.review import REVIEW, read_questions

    waiting = [each for each in read_questions(folder) if not each.judged]
    aside = [each.images for each in waiting if each.unless_answered == "set aside"]
    if not waiting:
        return
    out.print(
        f"Nobody has judged {sum(aside)} images that were set aside ({len(aside)} questions) and "
        f"{len(waiting) - len(aside)} that count although they are near. Look at "
        f"[bold]{escape(str(page or folder))}[/], write yes or no into "
        f"{escape(str(folder / REVIEW))}, and run "
        f"[bold]memguard calibrate {escape(str(index))} --negatives {escape(str(folder))}[/]"
    )


def _read_prompts(file: Path, column: str | None) -> list[str]:
    from memguard.auditing.prompts import read_prompts

    return read_prompts(file, column)


def report(
    index: IndexArgument,
    output: Annotated[
        Optional[Path],
        typer.Option("-o", "--output", help="The page; by default in the index."),
    ] = None,
) -> None:
    """Write an index's calibration as an HTML page for reviewers."""
    from memguard.report import report_index

    with writing("page", output or index):
        page = report_index(index, output)
    out.print(f"The page for reviewers: [bold]{escape(str(page))}[/]")


def _page(write: str, *places: Path) -> Path | None:
    """Write a page of the report; a failure is a warning."""
    try:
        from memguard import report

        page: Path = getattr(report, write)(*places)
    except (MemguardError, OSError) as error:
        err.print(f"[yellow]no page for reviewers:[/] {escape(str(error))}")
        return None
    return page
