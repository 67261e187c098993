"""The command that explains verdicts: a page, a picture, and every signal on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from memguard.cli.console import (
    COLOURS,
    command_line,
    counted,
    err,
    out,
    print_json,
    progress,
    writing,
)
from memguard.cli.options import Json, Thorough, Weights, WeightsNow, weights_of
from memguard.errors import ConfigurationError

if TYPE_CHECKING:
    from memguard.report.cases import Case
    from memguard.report.dossier import Dossier
    from memguard.report.evidence import Explanation
    from memguard.report.explain_images import Answer
    from memguard.verdict import Match

PAGE = Path("explain.html")
FAILED = 1
"""Exit status if an image could not be checked."""

LONGEST_NUMBER = len("-1.234e-06")
"""Characters of the longest distance: a cosine distance of the same vectors, but for rounding."""


def explain(
    images: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGES...",
            help="Files, folders, patterns, URLs, - for a list on stdin, or a check's JSON.",
        ),
    ],
    index: Annotated[
        Optional[Path],
        typer.Option(
            "-i",
            "--index",
            help="Or last of IMAGES. By default $MEMGUARD_INDEX or pyproject.toml's.",
        ),
    ] = None,
    output: Annotated[
        Optional[list[Path]],
        typer.Option(
            "-o",
            "--output",
            help="File for the page (.html), or the picture of one image (.png); may be repeated.",
            show_default=str(PAGE),
        ),
    ] = None,
    thorough: Thorough = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Explain the verdicts on images: a page with the evidence, for a person to judge.

    The exit status is 1 if any image could not be checked, else 0.
    """
    from memguard.calibration.result import Calibration
    from memguard.report.dossier import Dossier
    from memguard.report.evidence import detector_of, is_page
    from memguard.report.explain_images import answers, ask

    named, place = _index_among(images, index)
    asked, left_out = ask(named)
    if not asked:
        raise ConfigurationError(
            f"there is nothing to explain: {counted(left_out, 'image')} of the check passed"
            if left_out
            else "there is nothing to explain: standard input lists no image"
        )
    outputs = output or [PAGE]
    if len(asked) > 1 and not all(is_page(path) for path in outputs):
        raise ConfigurationError(
            f"a picture shows one image, and these are {len(asked)}: name a page, like -o {PAGE}"
        )
    detector = detector_of(
        place, thorough=thorough, weights=weights_of(clip_weights, sscd_weights, weights)
    )
    calibration = Calibration.of(detector.index)
    last: list[Answer] = []
    with progress("Explaining", shown=as_json or not out.is_terminal) as show:

        def cases() -> Iterator[Case]:
            for done, answer in enumerate(answers(asked, detector), 1):
                last[:] = [answer]
                if not as_json:
                    _print(answer)
                yield answer.case(calibration)
                show("Explaining", done, len(asked))

        dossier = Dossier.of(cases(), detector.index, command_line(), left_out)
    explanation = last[0].explanation if len(asked) == 1 else None
    if explanation is not None and not as_json:
        _print_signals(explanation)
    written = [str(path) for path in outputs if _save(path, dossier, explanation)]
    if as_json:
        print_json({"written": written, **dossier.to_json()})
    for path in written if not as_json else ():
        kind = "page" if is_page(path) else "picture"
        out.print(f"The {kind}: [bold]{escape(path)}[/]")
    if any(case.label == "unchecked" for case in dossier.cases):
        raise typer.Exit(FAILED)


def _index_among(images: Sequence[str], index: Path | None) -> tuple[Sequence[str], str | Path]:
    """The images and the index, which may be the last of them."""
    from memguard.index.store.manifest import MANIFEST_NAME
    from memguard.settings import configured_index

    last = images[-1]
    is_index = last.startswith("milvus:") or (Path(last) / MANIFEST_NAME).is_file()
    if index is None and len(images) > 1 and is_index:
        return images[:-1], last
    return images, index or configured_index()


def _save(path: Path, dossier: Dossier, explanation: Explanation | None) -> bool:
    """Whether it was saved; a note says why not, without the extra ``report``."""
    from memguard.report.evidence import is_page

    kind = "page" if is_page(path) else "picture"
    try:
        if is_page(path):
            with writing(kind, path):
                dossier.save(path)
        elif explanation is None:
            err.print("[yellow]no picture:[/] there is no image to draw")
            return False
        else:
            drawn = explanation.draw()
            with writing(kind, path):
                drawn.save(path)
    except ConfigurationError as error:
        if "memguard[report]" not in str(error):
            raise
        err.print(f"[yellow]no {kind}:[/] {escape(str(error))}")
        return False
    return True


def _print(answer: Answer) -> None:
    name = escape(answer.asked.name)
    if answer.explanation is None:
        err.print(f"[bold red]memguard:[/] {name} {escape(answer.reason)}")
        return
    verdict = answer.explanation.verdict
    colour = COLOURS.get(verdict.label, "green")
    out.print(f"[{colour}]{verdict.label}[/] {name}: {escape(answer.finding)}")


def _print_signals(explanation: Explanation) -> None:
    """The reason, every signal, and the nearest references."""
    from memguard.report.formatting import SIGNAL_HEADINGS, region_text, signal_rows

    verdict = explanation.verdict
    out.print(escape(verdict.why))
    if not verdict.matches:
        return
    if verdict.matches[0].region is not None:
        out.print(region_text(verdict.matches[0].region))
    labels = {signal.name: signal.label for signal in verdict.signals}
    table = Table()
    for heading in SIGNAL_HEADINGS:
        number = heading not in ("signal", "label")
        table.add_column(
            heading,
            justify="right" if number else "left",
            no_wrap=heading == "signal",
            min_width=LONGEST_NUMBER if heading == "reference shown" else None,
        )
    for cells in signal_rows(verdict, explanation.signals):
        label = labels.get(cells[0])
        table.add_row(*cells, style=COLOURS.get(label) if label else "dim")
    out.print(table)
    out.print(_nearest(verdict.matches))
    for match in verdict.exempt:
        out.print(f"[yellow]does not count[/], as it is {match.exempt}: {escape(match.uri)}")


def _nearest(matches: Sequence[Match]) -> Table:
    """The nearest references; captions and rights where there are any."""
    columns: dict[str, list[str]] = {
        "uri": [match.uri for match in matches],
        "view": [match.view for match in matches],
        "files": [str(match.exact_duplicates) for match in matches],
        "near-duplicates": [str(match.near_duplicates - 1) for match in matches],
        "caption": [match.caption or "" for match in matches],
        "rights": [match.rights or "" for match in matches],
    }
    shown = {heading: cells for heading, cells in columns.items() if any(cells)}
    table = Table(title="nearest references", title_justify="left")
    for heading in shown:
        table.add_column(heading, overflow="fold")
    for row in zip(*shown.values(), strict=True):
        table.add_row(*map(escape, row))
    return table
