"""Commands that show what an index holds."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from memguard.cli.console import MOST_SHOWN, command_line, counted, out, print_json, writing
from memguard.cli.options import IndexArgument, Json

if TYPE_CHECKING:
    from memguard.index.maintenance.summary import Summary


def info(index: IndexArgument, as_json: Json = False) -> None:
    """Describe an index: what it holds, its descriptors, its calibration."""
    from memguard.calibration.result import Calibration
    from memguard.cli.calibration_text import show_calibration, warnings
    from memguard.index.open import open_index
    from memguard.lifecycle import summarize_index

    about, opened = summarize_index(index), open_index(index)
    calibration = Calibration.of(opened)
    if as_json:
        known = calibration and {
            **calibration.to_json(),
            "made": about.calibrated,
            "warnings": warnings(calibration, opened),
        }
        print_json({**about.to_json(), "calibration": known})
        return
    _describe(about)
    if calibration is None:
        out.print(
            "\n[yellow]Not calibrated[/]: default thresholds apply. Run "
            f"`memguard calibrate {escape(str(index))}`"
        )
    else:
        made = calibration.provenance.get("made") or _when(about.calibrated)
        show_calibration(calibration, opened, made)


def _describe(about: Summary) -> None:
    """Print an index's figures."""
    unreadable = counted(len(about.unreadable), "unreadable file")
    out.print(
        f"[bold]{escape(about.path)}[/]: {counted(about.records, 'image')}, {unreadable}\n"
        f"  {about.clusters} distinct but for near-duplicates\n"
        f"  {about.deleted} deleted{' (not yet compacted)' if about.deleted else ''}, "
        f"{about.blocked} blocked\n{_exempt(about)}"
        f"  {about.with_rights / max(about.records, 1):.0%} with a rights notice\n"
        f"  {about.bytes / 1e6:.1f} MB, created {_when(about.created)}, written by memguard "
        f"{about.written_by}\n"
        f"  fingerprint {about.fingerprint}\n\n[bold]Descriptors[/]"
    )
    for spec in about.descriptors:
        unit = "bits" if spec.metric == "hamming" else "numbers"
        choice = about.searches[spec.name]
        recall = "" if choice.recall is None else f", finds {choice.recall:.1%} of copies"
        weights = f"\n    weights sha256 {spec.weights_sha256}" if spec.weights_sha256 else ""
        out.print(
            f"  [bold]{spec.name}[/]: {spec.dimension} {unit}, {spec.metric}; "
            f"{about.bytes_per_image[spec.name]:.0f} bytes an image\n"
            f"    {escape(spec.model)}; search {choice.kind}{recall}{weights}"
        )


def _exempt(about: Summary) -> str:
    """A line about references that do not block; nothing where all do."""
    if not about.allowed and not about.quarantined:
        return ""
    return f"  {about.allowed} allowed, {about.quarantined} quarantined: these do not block\n"


def _when(iso: str | None) -> str:
    """``2026-11-25 13:20 UTC``."""
    return f"{datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC" if iso else "an unknown time"


def duplicates(
    index: IndexArgument,
    number: Annotated[int, typer.Option("-n", min=1, help="Images to show.")] = MOST_SHOWN,
    output: Annotated[
        Optional[Path], typer.Option("-o", "--output", help="File for a picture of them.")
    ] = None,
    html: Annotated[
        Optional[Path],
        typer.Option(help="File for a page: pictures, sizes, all files, and what to keep."),
    ] = None,
    redundant: Annotated[
        Optional[Path],
        typer.Option(help="File for a list of all files but the first of each image, one a line."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the most duplicated training images, which a model memorizes first."""
    from memguard.files import write_lines, write_text
    from memguard.lifecycle import most_repeated, redundant_files
    from memguard.report.duplicates_sheet import draw

    found = most_repeated(index, number)
    if redundant is not None:
        with writing("list", redundant):
            write_lines(redundant, redundant_files(index))
    if output is not None and found:
        with writing("picture", output):
            draw(found).save(output)
    if html is not None:
        from memguard.index.local import DirectoryIndex
        from memguard.report.duplicates_page import duplicates_page

        with writing("page", html):
            page = duplicates_page(DirectoryIndex.open(index), found, command_line())
            write_text(html, page)
    if as_json:
        rows = [
            {
                "files": one.files,
                "images": one.images,
                "members": [
                    {"id": record.id, "uri": record.uri, "caption": record.caption}
                    for record in one.members
                ],
            }
            for one in found
        ]
        print_json(rows)
        return
    table = Table(title=f"{index}: the most duplicated images", title_justify="left")
    for heading in ("files", "distinct", "first file", "caption"):
        table.add_column(heading, overflow="fold")
    for one in found:
        first = one.members[0]
        table.add_row(
            str(one.files), str(one.images), escape(first.uri), escape(first.caption or "")
        )
    out.print(table if found else f"{escape(str(index))} holds no image twice")
    if output is not None and found:
        out.print(f"The picture: [bold]{escape(str(output))}[/]")
    for name, path in (("page", html), ("list", redundant)):
        if path is not None:
            out.print(f"The {name}: [bold]{escape(str(path))}[/]")
