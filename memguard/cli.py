"""The command line: every command is one call into the library."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Optional

import typer
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from memguard._version import __version__
from memguard.defaults import (
    CLIP_MODEL,
    CLIP_WEIGHTS,
    DEMO_SAMPLES,
    MEMORIZED_RATE,
    NEEDED_PER_RATE,
    SIMILAR_RATE,
)
from memguard.errors import ConfigurationError, MemguardError, UnreadableImageError

app = typer.Typer(
    help="Keep a diffusion model from showing copies of its own training images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
models = typer.Typer(help="Model weights.", no_args_is_help=True)
app.add_typer(models, name="models")

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

COLOURS = {"memorized": "bold red", "similar": "yellow"}
"""Of the labels that want someone's eye."""

WAIT_POLICY = "PASSIVE"
"""How OpenMP's threads (torch, faiss) wait for each other: spinning, the default, makes them up to
30 times slower as soon as another process wants a core."""

UNREADABLE_SHOWN = 20
"""Unreadable files named on the terminal; `--json` names all of them."""

IndexArgument = Annotated[Path, typer.Argument(metavar="INDEX", help="An index directory.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Clip = Annotated[str, typer.Option(help="Architecture of open_clip.")]
ClipWeights = Annotated[
    str, typer.Option(help="Pretrained tag, checkpoint file or directory, or hf-hub:ORG/NAME.")
]
WeightsNow = Annotated[
    Optional[str], typer.Option(help="Where the index's weights are now, if they have moved.")
]


def main() -> None:
    """Run the command line; a memguard error is one line on stderr and exit status 1."""
    os.environ.setdefault("OMP_WAIT_POLICY", WAIT_POLICY)
    try:
        app()
    except MemguardError as error:
        err.print(f"[bold red]memguard:[/] {escape(str(error))}")
        sys.exit(1)


@app.command()
def build(
    images: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of training images.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the index goes.")],
    clip: Clip = CLIP_MODEL,
    clip_weights: ClipWeights = CLIP_WEIGHTS,
    no_clip: Annotated[bool, typer.Option("--no-clip", help="Index without CLIP.")] = False,
    sscd: Annotated[
        Optional[str],
        typer.Option(help="SSCD: a TorchScript or ONNX file, or 'installed'."),
    ] = None,
    workers: Annotated[
        Optional[int], typer.Option(min=0, help="Decoding processes; by default one per core.")
    ] = None,
    calibrate: Annotated[
        bool, typer.Option(help="Choose thresholds by leave-one-out at the end.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Index a folder of training images; run again to resume it or to add what is new."""
    from memguard.build import build_index

    with _progress("Indexing") as show:
        summary = build_index(
            images,
            output,
            clip=None if no_clip else clip,
            clip_weights=clip_weights,
            sscd=sscd,
            calibrate=calibrate,
            workers=workers,
            on_progress=lambda now: show("Indexing", now.done, now.total),
            on_calibration=lambda done, total: show("Calibrating", done, total),
        )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(summary), indent=2))
        return
    for uri, reason in list(summary.unreadable.items())[:UNREADABLE_SHOWN]:
        err.print(f"[yellow]unreadable[/] {escape(uri)}: {escape(reason)}")
    if len(summary.unreadable) > UNREADABLE_SHOWN:
        more = len(summary.unreadable) - UNREADABLE_SHOWN
        err.print(f"... and {more} more: `memguard info {output} --json` lists them all")
    out.print(
        f"[bold]{escape(summary.path)}[/]: {summary.records} images. Files of this build: "
        f"{summary.added} new, {summary.duplicates} exact duplicates, {summary.skipped} seen "
        f"before; unreadable {len(summary.unreadable)}; {summary.seconds:.1f} s"
    )


@app.command()
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
    from memguard.build import calibrate_index

    with _progress("Calibrating") as show:
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
            f"{point.target:g}" if point.calibrated else f"{point.target:g}, not proven",
            f"{point.observed.share:.2%} (< {point.observed.upper:.2%})",
            f"{recall:.1%}",
        )
    out.print(table)
    for pair in calibration.set_aside[:UNREADABLE_SHOWN]:
        out.print(f"[yellow]set aside[/] {escape(pair.image)}: a copy of {escape(pair.reference)}")
    if not calibration.memorized.calibrated:
        need = math.ceil(NEEDED_PER_RATE / calibration.memorized.target)
        out.print(
            f"A rate of {calibration.memorized.target:g} takes {need} negatives to prove: default "
            "thresholds apply, drawn in where these negatives were closer."
        )
    if page is not None:
        out.print(f"The page for reviewers: [bold]{escape(str(page))}[/]")


@app.command()
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


@app.command()
def check(
    images: Annotated[list[Path], typer.Argument(help="Image files to check.")],
    index: Annotated[
        Optional[Path],
        typer.Option("-i", "--index", help="Index; else $MEMGUARD_INDEX or pyproject.toml."),
    ] = None,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    as_json: Json = False,
) -> None:
    """Check image files; the exit status is 3 if any is memorized."""
    from memguard.guarding import Guard
    from memguard.settings import configured_index

    checker = Guard(
        index or configured_index(),
        on_error="raise",
        clip_weights=clip_weights,
        sscd_weights=sscd_weights,
    )
    verdicts = checker.check([_read(path) for path in images])
    if as_json:
        rows = [
            {"image": str(path), **verdict.to_json()}
            for path, verdict in zip(images, verdicts, strict=True)
        ]
        typer.echo(json.dumps(rows, indent=2))
    else:
        for path, verdict in zip(images, verdicts, strict=True):
            colour = COLOURS.get(verdict.label, "green")
            out.print(
                f"[{colour}]{verdict.label:<13}[/] {escape(str(path))}: {escape(verdict.why)}"
            )
    if any(verdict.label == "memorized" for verdict in verdicts):
        raise typer.Exit(3)


@app.command()
def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    index: IndexArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="Where the picture goes.")] = Path(
        "explain.png"
    ),
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Also look inside parts of the image.")
    ] = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    as_json: Json = False,
) -> None:
    """Show why an image is, or is not, memorized: every signal, and a picture of the match."""
    from memguard.report import explain as explain_image
    from memguard.report.signals import distance_text, threshold_text

    explanation = explain_image(
        _read(image),
        index,
        thorough=thorough,
        clip_weights=clip_weights,
        sscd_weights=sscd_weights,
    )
    try:
        explanation.draw().save(output)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the picture cannot be written to {output}: {error}") from error
    verdict = explanation.verdict
    if as_json:
        row = {"image": str(image), "picture": str(output), **explanation.to_json()}
        typer.echo(json.dumps(row, indent=2))
        return
    colour = COLOURS.get(verdict.label, "green")
    out.print(f"[{colour}]{verdict.label}[/] {escape(str(image))}: {escape(verdict.why)}")
    if verdict.signals:
        table = Table()
        for heading in ("signal", "closest distance", "flag at or below", "block at or below"):
            table.add_column(heading, justify="left" if heading == "signal" else "right")
        table.add_column("label")
        for signal in verdict.signals:
            table.add_row(
                signal.name,
                distance_text(signal.name, signal.distance),
                threshold_text(signal.name, signal.similar),
                threshold_text(signal.name, signal.memorized),
                signal.label,
                style=COLOURS.get(signal.label),
            )
        out.print(table)
    if verdict.matches:
        table = Table(title="nearest references", title_justify="left")
        for heading in ("uri", "view", "files", "caption"):
            table.add_column(heading, overflow="fold")
        for match in verdict.matches:
            caption = escape(match.caption or "")
            table.add_row(escape(match.uri), match.view, str(match.copies), caption)
        out.print(table)
    out.print(f"The picture: [bold]{escape(str(output))}[/]")


@app.command()
def info(index: IndexArgument, as_json: Json = False) -> None:
    """Say what an index holds."""
    from memguard.index import Index

    opened = Index.open(index)
    unreadable = opened.unreadable()
    if as_json:
        manifest = dataclasses.asdict(opened.manifest)
        typer.echo(json.dumps({**manifest, "unreadable": unreadable}, indent=2))
        return
    table = Table(title=f"{index}: {len(opened)} images, {len(unreadable)} unreadable files")
    for heading in ("descriptor", "metric", "size", "model", "weights sha256"):
        table.add_column(heading, overflow="fold")
    for spec in opened.specs:
        unit = "bits" if spec.metric == "hamming" else "numbers"
        fingerprint = (spec.weights_sha256 or "-")[:16]
        table.add_row(spec.name, spec.metric, f"{spec.dimension} {unit}", spec.model, fingerprint)
    out.print(table)


@app.command()
def demo(
    folder: Annotated[
        Path, typer.Option("-o", "--output", help="Where the demo's files go.")
    ] = Path("memguard-demo"),
    samples: Annotated[int, typer.Option(min=1, help="Images to generate.")] = DEMO_SAMPLES,
) -> None:
    """Train a small model that memorizes, guard it, and see its copies blocked."""
    from memguard._optional import require

    for module in ("diffusers", "skimage"):
        require(module, extra="demo")
    from memguard.demo.run import run_demo

    cache = Path(typer.get_app_dir("memguard")) / "demo"
    with _progress("Training") as show:
        result = run_demo(folder, cache, samples=samples, on_step=show)
    blocked, similar = result.count("memorized"), result.count("similar")
    out.print(
        f"{len(result.verdicts)} samples: [bold red]{blocked} memorized and blocked[/] "
        f"(copies of {result.distinct} training images), [yellow]{similar} similar and "
        f"flagged[/], [green]{len(result.verdicts) - blocked - similar} passed[/]"
    )
    for verdict in result.examples():
        out.print(f"  for example: {escape(verdict.why)}")
    out.print(
        f"Each blocked sample beside its training image: [bold]{escape(str(result.picture))}[/]"
    )
    out.print(f"The index: {escape(str(result.index))} (`memguard info`, `memguard check`)")


@models.command()
def pull(clip: Clip = CLIP_MODEL, clip_weights: ClipWeights = CLIP_WEIGHTS) -> None:
    """Download CLIP weights into Hugging Face's cache, and say where they lie."""
    from memguard.descriptors.clip import pull as pull_weights

    out.print(str(pull_weights(clip, clip_weights)))


@app.command()
def version() -> None:
    """Print memguard's version."""
    out.print(__version__)


def _calibration_page(index: Path) -> Path | None:
    """Write the page of a calibration that has just been saved; say so where it cannot be."""
    try:
        from memguard.report import write_calibration_page

        return write_calibration_page(index)
    except (MemguardError, OSError) as error:
        err.print(f"[yellow]no page for reviewers:[/] {escape(str(error))}")
        return None


def _read(path: Path) -> Image.Image:
    from memguard.images import decode

    try:
        return decode(path.read_bytes())[0]
    except (OSError, UnreadableImageError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImageError(f"{path} cannot be read: {reason}") from error


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.1f}/s")


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on a terminal; call what it gives with the work's name, done and total."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks = {what: bar.add_task(what, total=None)}

        def show(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield show
