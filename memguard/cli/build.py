"""Commands that index images."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.markup import escape

from memguard.cli.console import MOST_SHOWN, RESUMES, counted, err, out, print_json, progress
from memguard.cli.options import (
    Clip,
    ClipWeights,
    Images,
    IndexArgument,
    Json,
    Memory,
    SourceOptions,
    Sscd,
    Weights,
    WeightsNow,
    Workers,
    named_values,
    weights_of,
)
from memguard.defaults import CLIP_MODEL, CLIP_WEIGHTS
from memguard.errors import ConfigurationError

if TYPE_CHECKING:
    from memguard.index.base import BuildSummary
    from memguard.sources import Source


def build(
    images: Images,
    output: Annotated[Path, typer.Option("-o", "--output", help="The index directory.")],
    option: SourceOptions = None,
    clip: Clip = CLIP_MODEL,
    clip_weights: ClipWeights = CLIP_WEIGHTS,
    no_clip: Annotated[bool, typer.Option("--no-clip", help="Build without CLIP.")] = False,
    sscd: Sscd = None,
    weights: Weights = None,
    workers: Workers = None,
    memory: Memory = None,
    ray: Annotated[
        Optional[str],
        typer.Option(help="A Ray cluster that reads and describes: local, auto or HOST:PORT."),
    ] = None,
    calibrate: Annotated[
        bool, typer.Option(help="Choose thresholds by leave-one-out at the end.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Index training images; run again to resume or to add new ones."""
    from memguard.lifecycle import build_index

    def build(**listeners: Any) -> BuildSummary:
        return build_index(
            source_of(images, option),
            output,
            weights=weights_of(None if no_clip else f"{clip}:{clip_weights}", sscd, weights),
            calibrate=calibrate,
            workers=workers,
            memory=memory,
            ray=ray,
            **listeners,
        )

    _index(build, as_json)


def source_of(images: str, options: list[str] | None) -> Source:
    """The source of IMAGES and ``--option``."""
    from memguard.sources import open_source

    named = named_values("--option", options)
    for name, value in named.items():
        if not value:
            raise ConfigurationError(f"--option takes NAME=VALUE, and {name} has no value")
    return open_source(images, **named)


def show_summary(summary: BuildSummary, as_json: bool) -> None:
    """Report a build, and what its calibration falls short of."""
    from memguard.calibration.result import Calibration
    from memguard.index.open import open_index

    if as_json:
        print_json(summary)
        return
    for uri, reason in list(summary.unreadable.items())[:MOST_SHOWN]:
        err.print(f"[yellow]unreadable[/] {escape(uri)}: {escape(reason)}")
    if len(summary.unreadable) > MOST_SHOWN:
        more = len(summary.unreadable) - MOST_SHOWN
        err.print(f"... and {more} more: see `memguard info {summary.path} --json`")
    blocked = f"{summary.blocked} blocked, " if summary.blocked else ""
    out.print(
        f"[bold]{escape(summary.path)}[/]: {counted(summary.records, 'image')}. Files of this "
        f"build: {summary.added} new, {counted(summary.duplicates, 'exact duplicate')}, "
        f"{blocked}{summary.skipped} seen before; "
        f"unreadable {len(summary.unreadable)}; indexed in {summary.seconds:.1f} s"
    )
    calibration = Calibration.of(open_index(summary.path))
    for sentence in calibration.shortfalls if calibration else ():
        err.print(f"[yellow]calibration[/] {escape(sentence)}")


def add(
    index: IndexArgument,
    images: Images,
    option: SourceOptions = None,
    workers: Workers = None,
    memory: Memory = None,
    calibrate: Annotated[
        bool, typer.Option(help="Choose thresholds again if the index has outgrown them.")
    ] = True,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Add images to an index; run again to resume."""
    from memguard.lifecycle import add_images

    def add(**listeners: Any) -> BuildSummary:
        return add_images(
            source_of(images, option),
            index,
            weights=weights_of(clip_weights, sscd_weights, weights),
            calibrate=calibrate,
            workers=workers,
            memory=memory,
            **listeners,
        )

    _index(add, as_json)


def _index(index: Callable[..., BuildSummary], as_json: bool) -> None:
    """Run a build with its progress, and report it."""
    with progress("Indexing", stopped=RESUMES) as show:
        summary = index(
            on_progress=lambda now: show("Indexing", now.done, now.total),
            on_calibration=partial(show, "Calibrating"),
        )
    show_summary(summary, as_json)
