"""The ``memguard`` command line."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.markup import escape

from memguard.cli import (
    audit,
    build,
    calibrate,
    check,
    demo,
    exemptions,
    explain,
    inspect,
    log,
    maintain,
    serve,
)
from memguard.cli.console import err
from memguard.cli.options import BareSscd
from memguard.errors import MemguardError

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
models = typer.Typer(help="Model weights.", no_args_is_help=True)
app.add_typer(models, name="models")
app.add_typer(log.group, name="log")
app.add_typer(serve.keys, name="keys")

app.command(cls=BareSscd)(build.build)
for command in (
    build.add,
    maintain.remove,
    maintain.compact,
    maintain.verify,
    maintain.merge,
    inspect.duplicates,
    maintain.push,
    exemptions.allow,
    exemptions.disallow,
    exemptions.quarantine,
    calibrate.calibrate,
    calibrate.report,
    inspect.info,
    check.check,
    explain.explain,
    audit.audit,
    serve.serve,
    demo.demo,
    demo.version,
):
    app.command()(command)
models.command()(demo.pull)


def _version(wanted: bool) -> None:
    if wanted:
        demo.version()
        raise typer.Exit


@app.callback()
def memguard(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Keep a diffusion model from showing copies of its own training images."""


WAIT_POLICY = "PASSIVE"
"""How OpenMP's threads (torch, FAISS) wait for each other. Spinning, the default, makes them up to
30 times slower when another process needs a core."""


def main() -> None:
    """Run the command line; a memguard error prints one line on stderr and exits with 1."""
    os.environ.setdefault("OMP_WAIT_POLICY", WAIT_POLICY)
    try:
        app()
    except MemguardError as error:
        err.print(f"[bold red]memguard:[/] {escape(str(error))}")
        sys.exit(1)
