"""The command line: every command is one call into the library."""

from __future__ import annotations

import os
import sys

import typer
from rich.markup import escape

from memguard.cli import audit as auditing
from memguard.cli import build as indexing
from memguard.cli import check as checking
from memguard.cli import demo as trying
from memguard.cli import maintain as changing
from memguard.cli import remote
from memguard.cli.console import err
from memguard.errors import MemguardError

app = typer.Typer(
    help="Keep a diffusion model from showing copies of its own training images.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
models = typer.Typer(help="Model weights.", no_args_is_help=True)
app.add_typer(models, name="models")

for command in (
    indexing.build,
    changing.add,
    changing.remove,
    changing.compact,
    changing.verify,
    changing.merge,
    changing.duplicates,
    remote.push,
    indexing.calibrate,
    indexing.report,
    indexing.info,
    checking.check,
    checking.explain,
    auditing.audit,
    trying.demo,
    trying.version,
):
    app.command()(command)
models.command()(trying.pull)

WAIT_POLICY = "PASSIVE"
"""How OpenMP's threads (torch, faiss) wait for each other: spinning, the default, makes them up to
30 times slower as soon as another process wants a core."""


def main() -> None:
    """Run the command line; a memguard error is one line on stderr and exit status 1."""
    os.environ.setdefault("OMP_WAIT_POLICY", WAIT_POLICY)
    try:
        app()
    except MemguardError as error:
        err.print(f"[bold red]memguard:[/] {escape(str(error))}")
        sys.exit(1)
