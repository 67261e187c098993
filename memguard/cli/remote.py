"""Commands for indexes on other machines."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer
from rich.markup import escape

from memguard.cli.console import IndexArgument, Json, out, progress


def push(
    index: IndexArgument,
    address: Annotated[str, typer.Argument(help="milvus://[USER:PASSWORD@]HOST[:PORT]/PREFIX")],
    as_json: Json = False,
) -> None:
    """Copy an index to Milvus, where many machines search it; run again to resume or update it.

    A token or USER:PASSWORD is better kept in $MEMGUARD_MILVUS_TOKEN than in the address.
    """
    from memguard.index.milvus.push import push as push_index

    with progress("Pushing") as show:
        summary = push_index(
            index, address, on_progress=lambda done, total: show("Pushing", done, total)
        )
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(summary), indent=2))
        return
    out.print(
        f"[bold]{escape(summary.address)}[/]: {summary.records} images. {summary.written} records "
        f"written, {summary.removed} removed, {summary.refused} not brought back after a removal; "
        f"{summary.seconds:.1f} s"
    )
