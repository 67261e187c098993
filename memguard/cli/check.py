"""Commands that check images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from memguard.cli.console import (
    COLOURS,
    command_line,
    err,
    out,
    print_json,
    progress,
    read_image,
    writing,
)
from memguard.cli.options import IndexArgument, Json, Thorough, Weights, WeightsNow, weights_of
from memguard.errors import ConfigurationError
from memguard.files import write_text

if TYPE_CHECKING:
    from memguard.report import Explanation
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
    """Check images.

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
    raise typer.Exit(exit_status(checked))


def _print(file: CheckedFile) -> None:
    if file.verdict is None:
        err.print(f"[bold red]memguard:[/] {escape(file.name)} {escape(file.error or '')}")
        return
    colour = COLOURS.get(file.label, "green")
    out.print(f"[{colour}]{file.label:<13}[/] {escape(file.name)}: {escape(file.verdict.why)}")


def explain(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    index: IndexArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture's file.")] = Path(
        "explain.png"
    ),
    thorough: Thorough = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Explain the verdict on an image: every signal, and a picture of the match."""
    from memguard.report import explain as explain_image
    from memguard.report.formatting import SIGNAL_HEADINGS, region_text, signal_rows

    explanation = explain_image(
        read_image(image),
        index,
        thorough=thorough,
        weights=weights_of(clip_weights, sscd_weights, weights),
    )
    picture = _save(explanation, output)
    verdict = explanation.verdict
    if as_json:
        print_json({"image": str(image), "picture": picture, **explanation.to_json()})
        return
    colour = COLOURS.get(verdict.label, "green")
    out.print(f"[{colour}]{verdict.label}[/] {escape(str(image))}: {escape(verdict.why)}")
    if verdict.matches:
        if verdict.matches[0].region is not None:
            out.print(region_text(verdict.matches[0].region))
        labels = {signal.name: signal.label for signal in verdict.signals}
        table = Table()
        for heading in SIGNAL_HEADINGS:
            number = heading not in ("signal", "label")
            table.add_column(
                heading, justify="right" if number else "left", no_wrap=heading == "signal"
            )
        for cells in signal_rows(verdict, explanation.signals):
            label = labels.get(cells[0])
            table.add_row(*cells, style=COLOURS.get(label) if label else "dim")
        out.print(table)
        table = Table(title="nearest references", title_justify="left")
        for heading in ("uri", "view", "files", "near-duplicates", "caption", "rights"):
            table.add_column(heading, overflow="fold")
        for match in verdict.matches:
            counts = (str(match.exact_duplicates), str(match.near_duplicates - 1))
            notes = (escape(match.caption or ""), escape(match.rights or ""))
            table.add_row(escape(match.uri), match.view, *counts, *notes)
        out.print(table)
        for match in verdict.exempt:
            out.print(f"[yellow]does not count[/], as it is {match.exempt}: {escape(match.uri)}")
    if picture is not None:
        out.print(f"The picture: [bold]{escape(picture)}[/]")


def _save(explanation: Explanation, output: Path) -> str | None:
    """Save the picture and return its path; None, with a note, without the extra ``report``."""
    try:
        picture = explanation.draw()
    except ConfigurationError as error:
        err.print(f"[yellow]no picture:[/] {escape(str(error))}")
        return None
    with writing("picture", output):
        picture.save(output)
    return str(output)
