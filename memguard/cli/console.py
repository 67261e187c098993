"""Output, progress bars and files, for all commands."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer
from PIL import Image
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from memguard.errors import ConfigurationError, UnreadableImageError

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

COLOURS = {"memorized": "bold red", "similar": "yellow"}
"""Styles of the labels that need attention."""

MOST_SHOWN = 20
"""Lines of a list on the terminal; `--json` prints all of them."""


def print_json(value: Any) -> None:
    """Print JSON, dataclasses as objects."""
    typer.echo(json.dumps(value, indent=2, default=dataclasses.asdict))


def read_image(path: Path) -> Image.Image:
    """The image in a file, upright.

    Raises:
        UnreadableImageError: no file, or no image that Pillow reads.
    """
    from memguard.vision.decode import decode

    try:
        return decode(path.read_bytes())[0]
    except (OSError, UnreadableImageError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImageError(f"{path} cannot be read: {reason}") from error


@contextlib.contextmanager
def writing(what: str, path: Path) -> Iterator[None]:
    """Turn an error of the file system or of Pillow into one that names ``what`` and the path."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(f"the {what} cannot be written to {path}: {reason}") from error


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.1f}/s")


@contextlib.contextmanager
def progress(first: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar where there is a terminal; call it with a task's name, done and total."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks = {first: bar.add_task(first, total=None)}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield show
