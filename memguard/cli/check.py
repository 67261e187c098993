"""Commands that check images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from memguard.cli.console import COLOURS, err, out, print_json, read_image, writing
from memguard.cli.options import IndexArgument, Json, Thorough, Weights, WeightsNow, weights_of
from memguard.errors import ConfigurationError

if TYPE_CHECKING:
    from memguard.report import Explanation


def check(
    images: Annotated[list[Path], typer.Argument(help="Image files to check.")],
    index: Annotated[
        Optional[Path],
        typer.Option("-i", "--index", help="By default $MEMGUARD_INDEX or pyproject.toml's."),
    ] = None,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Check image files; the exit status is 3 if any is memorized."""
    from memguard.pipelines.guard import Guard
    from memguard.settings import configured_index

    checker = Guard(
        index or configured_index(),
        on_error="raise",
        weights=weights_of(clip_weights, sscd_weights, weights),
    )
    verdicts = checker.check([read_image(path) for path in images])
    if as_json:
        rows = [
            {"image": str(path), **verdict.to_json()}
            for path, verdict in zip(images, verdicts, strict=True)
        ]
        print_json(rows)
    else:
        for path, verdict in zip(images, verdicts, strict=True):
            colour = COLOURS.get(verdict.label, "green")
            out.print(
                f"[{colour}]{verdict.label:<13}[/] {escape(str(path))}: {escape(verdict.why)}"
            )
    if any(verdict.label == "memorized" for verdict in verdicts):
        raise typer.Exit(3)


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
    from memguard.report.formatting import SIGNAL_HEADINGS, signal_rows

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
