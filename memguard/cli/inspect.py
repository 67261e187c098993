"""Commands that show what an index holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape
from rich.table import Table

from memguard.cli.console import MOST_SHOWN, out, print_json, writing
from memguard.cli.options import IndexArgument, Json


def info(index: IndexArgument, as_json: Json = False) -> None:
    """Describe an index: its descriptors, searches and sizes."""
    from memguard.lifecycle import summarize_index

    about = summarize_index(index)
    if as_json:
        print_json(about.to_json())
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
        f"{about.clusters} distinct but for near-duplicates; {about.deleted} deleted"
        f"{' (not yet compacted)' if about.deleted else ''}, {about.blocked} blocked; "
        f"{about.with_rights / max(about.records, 1):.0%} with a rights notice; "
        f"{about.bytes / 1e6:.1f} MB"
    )


def duplicates(
    index: IndexArgument,
    number: Annotated[int, typer.Option("-n", min=1, help="Images to show.")] = MOST_SHOWN,
    output: Annotated[
        Optional[Path], typer.Option("-o", "--output", help="File for a picture of them.")
    ] = None,
    redundant: Annotated[
        Optional[Path],
        typer.Option(help="File for a list of all files but the first of each image, one a line."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the most duplicated training images, which a model memorizes first."""
    from memguard.files import write_lines
    from memguard.lifecycle import most_repeated, redundant_files
    from memguard.report.duplicates_sheet import draw

    found = most_repeated(index, number)
    if redundant is not None:
        with writing("list", redundant):
            write_lines(redundant, redundant_files(index))
    if output is not None and found:
        with writing("picture", output):
            draw(found).save(output)
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
