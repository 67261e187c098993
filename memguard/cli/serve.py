"""``memguard serve`` and the API keys of a service."""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from memguard._optional import require
from memguard.cli.console import err, out
from memguard.cli.options import Thorough, Weights, WeightsNow, weights_of
from memguard.errors import ConfigurationError

UPSTREAM_KEY = "MEMGUARD_UPSTREAM_KEY"
"""Holds the key of the image API behind a service."""
GRACE_SECONDS = 30
"""For requests under way, when a service is stopped."""

KeyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The file of --keys.")]

keys = typer.Typer(help="API keys of `memguard serve`.", no_args_is_help=True)


def serve(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="An index directory.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    key_file: Annotated[
        Optional[Path],
        typer.Option("--keys", metavar="FILE", help="Who may ask; see `memguard keys add`."),
    ] = None,
    allow_host: Annotated[
        Optional[list[str]],
        typer.Option(help="A host whose images may be named by URL, with a port if it is not 80."),
    ] = None,
    upstream: Annotated[
        Optional[str],
        typer.Option(
            metavar="URL",
            help="An image API, like https://api.openai.com/v1/images/generations, whose answers "
            f"are checked. Its key is ${UPSTREAM_KEY}.",
        ),
    ] = None,
    audit_log: Annotated[Optional[Path], typer.Option(help="File that records each check.")] = None,
    threads: Annotated[
        Optional[int],
        typer.Option(min=1, help="Images compared at once; by default half the cores."),
    ] = None,
    timeout_s: Annotated[
        Optional[float], typer.Option(help="Seconds that a check may take.")
    ] = None,
    requests_per_minute: Annotated[Optional[int], typer.Option(min=1, help="Of each key.")] = None,
    waiting: Annotated[int, typer.Option(min=1, help="Images that may wait; then 429.")] = 64,
    thorough: Thorough = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
) -> None:
    """Check images for other programs, over HTTP.

    POST /v1/check takes files or base64; /openapi.json describes it.
    """
    uvicorn = require("uvicorn", extra="service")
    for module in ("fastapi", "python_multipart", "prometheus_client", "limits", "httpx2"):
        require(module, extra="service")
    from memguard.pipelines.guard import Guard
    from memguard.service.app import create_app
    from memguard.service.keys import Keys
    from memguard.service.limits import Limits
    from memguard.service.upstream import Upstream

    if key_file is None and not _is_loopback(host):
        raise ConfigurationError(
            f"{host} is reached from other machines: name who may ask, with --keys FILE "
            "(`memguard keys add FILE NAME` makes it)"
        )
    guard = Guard(
        index,
        thorough=thorough,
        weights=weights_of(clip_weights, sscd_weights, weights),
        audit_log=audit_log,
        threads=threads,
        timeout_s=timeout_s,
        urls="embed",
    )
    app = create_app(
        guard,
        keys=None if key_file is None else Keys(key_file),
        limits=Limits(waiting=waiting, requests_per_minute=requests_per_minute),
        hosts=allow_host or (),
        upstream=None if upstream is None else Upstream(upstream, os.environ.get(UPSTREAM_KEY)),
    )
    uvicorn.run(app, host=host, port=port, timeout_graceful_shutdown=GRACE_SECONDS)


@keys.command()
def add(
    file: KeyFile,
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    admin: Annotated[bool, typer.Option("--admin", help="May also reload the index.")] = False,
) -> None:
    """Make a key and print it. The file keeps its hash only."""
    from memguard.service.keys import Keys

    out.print(Keys(file).add(name, "admin" if admin else "check"), soft_wrap=True)
    err.print("Keep it: it cannot be shown again. It is sent as `Authorization: Bearer KEY`.")


@keys.command()
def remove(file: KeyFile, name: Annotated[str, typer.Argument(help="Whose key it is.")]) -> None:
    """Remove a key. Services refuse it from now on."""
    from memguard.service.keys import Keys

    Keys(file).remove(name)
    err.print(f"{escape(name)} has no key any more.")


@keys.command("list")
def list_keys(file: KeyFile) -> None:
    """Print names, roles and dates."""
    from memguard.service.keys import Keys

    for key in Keys(file).all():
        out.print(f"{escape(key.name)}  {key.role}  {key.created}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
