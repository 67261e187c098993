"""Commands that choose the thresholds of an index and report what they are worth."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from memguard.cli.console import MOST_SHOWN, err, out, print_json, progress, writing
from memguard.cli.options import IndexArgument, Json, Thorough, Weights, WeightsNow, weights_of
from memguard.defaults import MEMORIZED_RATE, NEEDED_PER_RATE, SIMILAR_RATE
from memguard.errors import MemguardError


def calibrate(
    index: IndexArgument,
    negatives: Annotated[
        Optional[Path],
        typer.Option(help="Folder of images outside the training set; by default leave-one-out."),
    ] = None,
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
    from memguard.cli.calibration_text import show_worth
    from memguard.lifecycle import calibrate_index

    with progress("Calibrating") as show:
        calibration = calibrate_index(
            index,
            negatives,
            similar_rate=similar_rate,
            memorized_rate=memorized_rate,
            thorough=thorough,
            clip_blocks=clip_blocks,
            weights=weights_of(clip_weights, sscd_weights, weights),
            on_progress=partial(show, "Calibrating"),
        )
    page = _calibration_page(index)
    if as_json:
        print_json(calibration.to_json())
        return
    show_worth(calibration)
    for pair in calibration.contaminated[:MOST_SHOWN]:
        out.print(f"[yellow]set aside[/] {escape(pair.image)}: a copy of {escape(pair.reference)}")
    doubtful = calibration.memorized.at_worst
    if doubtful.count > calibration.memorized.observed.count:
        out.print(
            f"Check these pairs: if none is a copy, {doubtful.share:.2%} "
            f"(< {doubtful.upper:.2%}) of novel images are blocked."
        )
    if not calibration.memorized.calibrated:
        need = math.ceil(NEEDED_PER_RATE / calibration.memorized.target)
        out.print(
            f"A rate of {calibration.memorized.target:g} takes {need} negatives to prove: default "
            "thresholds apply, tightened where these negatives came closer."
        )
    if page is not None:
        out.print(f"The page for reviewers: [bold]{escape(str(page))}[/]")


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
    out.print(escape(str(page)))


def _calibration_page(index: Path) -> Path | None:
    """Write the page of a new calibration; a failure is a warning."""
    try:
        from memguard.report import report_index

        return report_index(index)
    except (MemguardError, OSError) as error:
        err.print(f"[yellow]no page for reviewers:[/] {escape(str(error))}")
        return None
