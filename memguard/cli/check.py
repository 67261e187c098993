"""Commands that check images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.markup import escape

from memguard.cli.console import (
    COLOURS,
    command_line,
    err,
    out,
    print_json,
    progress,
    writing,
)
from memguard.cli.options import Json, Thorough, Weights, WeightsNow, weights_of
from memguard.errors import ConfigurationError
from memguard.files import write_text

if TYPE_CHECKING:
    from memguard.report.checked_files import CheckedFile

CHECKED = "what was checked until then is reported. Run the same command again to check all"


def check(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help="Files, folders, patterns like 'out/*.png', URLs, or - for a list on stdin.",
        ),
    ],
    index: Annotated[
        Optional[Path],
        typer.Option("-i", "--index", help="By default $MEMGUARD_INDEX or pyproject.toml's."),
    ] = None,
    thorough: Thorough = False,
    csv: Annotated[Optional[Path], typer.Option(help="File for a table of all verdicts.")] = None,
    html: Annotated[
        Optional[Path], typer.Option(help="File for a page with each image beside its match.")
    ] = None,
    copy_blocked_to: Annotated[
        Optional[Path], typer.Option(metavar="DIR", help="Folder for copies of memorized images.")
    ] = None,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Check whether images copy training images.

    The exit status is 3 if any is memorized, else 1 if any could not be checked, else 0.
    """
    from memguard.cli.checking import check_files
    from memguard.pipelines.guard import Guard
    from memguard.report.checked_files import exit_status, to_csv
    from memguard.settings import configured_index
    from memguard.sources.queries import find_queries

    guard = Guard(
        index or configured_index(),
        on_error="raise",
        quarantine="ask",  # a verdict does not depend on the images before it
        thorough=thorough,
        weights=weights_of(clip_weights, sscd_weights, weights),
    )
    queries = list(find_queries(images))
    if not queries:
        raise ConfigurationError("there is nothing to check: standard input lists no image")
    checked: list[CheckedFile] = []
    try:
        with progress("Checking", stopped=CHECKED, shown=as_json or not out.is_terminal) as show:
            for file in check_files(guard, queries, copy_blocked_to):
                checked.append(file)
                show("Checking", len(checked), len(queries))
                if not as_json:
                    _print(file)
    finally:
        if as_json:
            print_json([file.to_json() for file in checked])
        if csv is not None:
            with writing("table", csv):
                write_text(csv, to_csv(checked))
        if html is not None:
            from memguard.report.check_page import check_page

            with writing("page", html):
                write_text(html, check_page(checked, guard.index, command_line()))
    if not as_json:
        copied = any(file.copied_to for file in checked)
        written = {"table": csv, "page": html, "copies": copy_blocked_to if copied else None}
        _sum_up(checked, written)
    raise typer.Exit(exit_status(checked))


def _sum_up(checked: list[CheckedFile], written: dict[str, Path | None]) -> None:
    """Print the number of images of each label, and what was written."""
    from memguard.report.checked_files import count_labels

    if len(checked) > 1:
        counts = (f"{number} {label}" for label, number in count_labels(checked).items())
        err.print(f"{len(checked)} images: {', '.join(counts)}")
    for name, path in written.items():
        if path is not None:
            err.print(f"The {name}: [bold]{escape(str(path))}[/]")


def _print(file: CheckedFile) -> None:
    if file.verdict is None:
        err.print(f"[bold red]memguard:[/] {escape(file.name)} {escape(file.error or '')}")
        return
    colour = COLOURS.get(file.label, "green")
    out.print(f"[{colour}]{file.label:<13}[/] {escape(file.name)}: {escape(file.verdict.why)}")
