"""Commands that make an index or look into one."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from memguard.cli.console import (
    MOST_SHOWN,
    Clip,
    ClipWeights,
    IndexArgument,
    Json,
    WeightsNow,
    err,
    out,
    progress,
)
from memguard.defaults import (
    CLIP_MODEL,
    CLIP_WEIGHTS,
    MEMORIZED_RATE,
    NEEDED_PER_RATE,
    SIMILAR_RATE,
)
from memguard.errors import ConfigurationError, MemguardError

if TYPE_CHECKING:
    from memguard.index.ingest.builder import BuildSummary
    from memguard.sources import Source


Images = Annotated[
    str,
    typer.Argument(
        metavar="IMAGES",
        help="A folder, tar shards, Parquet, a list of URLs, hf:NAME, or embeddings.",
    ),
]
Options = Annotated[
    Optional[list[str]],
    typer.Option(
        "--option",
        metavar="NAME=VALUE",
        help="How to read them: caption, rights, image, column, split, config or model.",
    ),
]
Workers = Annotated[
    Optional[int], typer.Option(min=0, help="Decoding processes; by default one per core.")
]
Memory = Annotated[
    Optional[str], typer.Option(help="What searches may occupy, like 4GB; by default no limit.")
]


def build(
    images: Images,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the index goes.")],
    option: Options = None,
    clip: Clip = CLIP_MODEL,
    clip_weights: ClipWeights = CLIP_WEIGHTS,
    no_clip: Annotated[bool, typer.Option("--no-clip", help="Index without CLIP.")] = False,
    sscd: Annotated[
        Optional[str],
        typer.Option(help="SSCD: a TorchScript or ONNX file, or 'installed'."),
    ] = None,
    workers: Workers = None,
    memory: Memory = None,
    ray: Annotated[
        Optional[str],
        typer.Option(help="A Ray cluster that reads and describes: local, auto, HOST:PORT."),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option(help="Choose thresholds by leave-one-out at the end.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Index training images; run again to resume it or to add what is new."""
    from memguard.lifecycle import build_index

    with progress("Indexing") as show:
        summary = build_index(
            source_of(images, option),
            output,
            clip=None if no_clip else clip,
            clip_weights=clip_weights,
            sscd=sscd,
            calibrate=calibrate,
            workers=workers,
            memory=memory,
            ray=ray,
            on_progress=lambda now: show("Indexing", now.done, now.total),
            on_calibration=lambda done, total: show("Calibrating", done, total),
        )
    show_summary(summary, as_json)


def source_of(images: str, options: list[str] | None) -> Source:
    """The source that a command line names."""
    from memguard.sources import open_source

    pairs = [option.partition("=") for option in options or []]
    for name, equals, value in pairs:
        if not (name and equals and value):
            raise ConfigurationError(f"{name!r} is no option of a source; write NAME=VALUE")
    return open_source(images, **{name: value for name, _, value in pairs})


def show_summary(summary: BuildSummary, as_json: bool) -> None:
    """Say what a build did."""
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(summary), indent=2))
        return
    for uri, reason in list(summary.unreadable.items())[:MOST_SHOWN]:
        err.print(f"[yellow]unreadable[/] {escape(uri)}: {escape(reason)}")
    if len(summary.unreadable) > MOST_SHOWN:
        more = len(summary.unreadable) - MOST_SHOWN
        err.print(f"... and {more} more: `memguard info {summary.path} --json` lists them all")
    refused = f"{summary.refused} taken down before, " if summary.refused else ""
    out.print(
        f"[bold]{escape(summary.path)}[/]: {summary.records} images. Files of this build: "
        f"{summary.added} new, {summary.duplicates} exact duplicates, {refused}{summary.skipped} "
        f"seen before; unreadable {len(summary.unreadable)}; {summary.seconds:.1f} s"
    )


def calibrate(
    index: IndexArgument,
    negatives: Annotated[
        Optional[Path],
        typer.Option(help="Folder of images outside the training set; else leave-one-out."),
    ] = None,
    similar_rate: Annotated[
        float, typer.Option(help="Allowed share of novel images flagged.")
    ] = SIMILAR_RATE,
    memorized_rate: Annotated[
        float, typer.Option(help="Allowed share of novel images blocked.")
    ] = MEMORIZED_RATE,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="For guards that look inside parts of images.")
    ] = False,
    clip_blocks: Annotated[
        bool, typer.Option("--clip-blocks", help="Let CLIP block; by default it only flags.")
    ] = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    as_json: Json = False,
) -> None:
    """Choose an index's thresholds for a false-positive rate, and say what they are worth."""
    from memguard.lifecycle import calibrate_index

    with progress("Calibrating") as show:
        calibration = calibrate_index(
            index,
            negatives,
            similar_rate=similar_rate,
            memorized_rate=memorized_rate,
            thorough=thorough,
            clip_blocks=clip_blocks,
            clip_weights=clip_weights,
            sscd_weights=sscd_weights,
            on_progress=lambda done, total: show("Calibrating", done, total),
        )
    page = _calibration_page(index)
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(calibration), indent=2))
        return
    table = Table(title=f"{calibration.method}: {calibration.negatives} negatives")
    for heading in ("label", "target FPR", "observed FPR (95 % bound)", "recall of copies"):
        table.add_column(heading)
    for label, point in calibration.points().items():
        recall = sum(point.recall.values()) / max(len(point.recall), 1)
        table.add_row(
            label,
            f"{point.target:g}, {point.status}",
            f"{point.observed.share:.2%} (< {point.observed.upper:.2%})",
            f"{recall:.1%}",
        )
    out.print(table)
    for pair in calibration.set_aside[:MOST_SHOWN]:
        out.print(f"[yellow]set aside[/] {escape(pair.image)}: a copy of {escape(pair.reference)}")
    doubtful = calibration.memorized.at_worst
    if doubtful.count > calibration.memorized.observed.count:
        out.print(
            f"Look at them: were they no copies, {doubtful.share:.2%} (< {doubtful.upper:.2%}) of "
            "novel images would be blocked."
        )
    if not calibration.memorized.calibrated:
        need = math.ceil(NEEDED_PER_RATE / calibration.memorized.target)
        out.print(
            f"A rate of {calibration.memorized.target:g} takes {need} negatives to prove: default "
            "thresholds apply, drawn in where these negatives were closer."
        )
    if page is not None:
        out.print(f"The page for reviewers: [bold]{escape(str(page))}[/]")


def report(
    index: IndexArgument,
    output: Annotated[
        Optional[Path], typer.Option("-o", "--output", help="Else calibration.html in the index.")
    ] = None,
) -> None:
    """Write an index's calibration as an HTML page, for whoever must defend its thresholds."""
    from memguard.report import write_calibration_page

    try:
        page = write_calibration_page(index, output)
    except OSError as error:
        where = output or index
        raise ConfigurationError(f"no page can be written to {where}: {error.strerror}") from error
    out.print(escape(str(page)))


def info(index: IndexArgument, as_json: Json = False) -> None:
    """Say what an index holds."""
    from memguard.index.maintenance.summary import summarize

    about = summarize(index)
    if as_json:
        typer.echo(json.dumps(about.to_json(), indent=2))
        return
    table = Table(
        title=f"{index}: {about.records} images, {len(about.unreadable)} unreadable files"
    )
    for heading in ("descriptor", "metric", "size", "model", "weights sha256", "search"):
        table.add_column(heading, overflow="fold")
    table.add_column("bytes an image", justify="right")
    for spec in about.descriptors:
        unit = "bits" if spec.metric == "hamming" else "numbers"
        fingerprint = (spec.weights_sha256 or "-")[:16]
        choice = about.searches[spec.name]
        recall = "" if choice.recall is None else f", {choice.recall:.1%} of copies"
        table.add_row(
            spec.name,
            spec.metric,
            f"{spec.dimension} {unit}",
            spec.model,
            fingerprint,
            f"{choice.kind}{recall}",
            f"{about.bytes_per_image[spec.name]:.0f}",
        )
    out.print(table)
    out.print(
        f"{about.clusters} distinct but for near-duplicates; {about.removed} removed"
        f"{' (not yet compacted)' if about.removed else ''}, {about.refused} refused; "
        f"{about.with_rights / max(about.records, 1):.0%} with a rights notice; "
        f"{about.bytes / 1e6:.1f} MB"
    )


def _calibration_page(index: Path) -> Path | None:
    """Write the page of a calibration that has just been saved; say so where it cannot be."""
    try:
        from memguard.report import write_calibration_page

        return write_calibration_page(index)
    except (MemguardError, OSError) as error:
        err.print(f"[yellow]no page for reviewers:[/] {escape(str(error))}")
        return None
