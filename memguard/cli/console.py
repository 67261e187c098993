"""Output, progress bars and files, for all commands."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Optional

import typer
from PIL import Image
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
)
from rich.text import Text

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.files import read_regular
from memguard.printable import printable


class Terminal(Console):
    """Prints text whose control characters are written out, whatever it quotes."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(printable(text), **options)


out = Terminal(soft_wrap=True, highlight=False)
err = Terminal(stderr=True, soft_wrap=True, highlight=False)

COLOURS = {"memorized": "bold red", "similar": "yellow"}
"""Styles of the labels that need attention."""

MOST_SHOWN = 20
"""Lines of a list on the terminal; `--json` prints all of them."""


LINE_SECONDS = 10.0
"""Time between lines about progress where there is no terminal."""

RATED_SECONDS = 1.0
"""Shortest time between two reports that gives a rate: what is read in batches comes in bursts."""

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the signal's number, as shells have it."""

RESUMES = "the parts already saved are kept. Run the same command again: it resumes there"
NOTHING_CHANGED = "nothing was changed; run the same command again"


def print_json(value: Any) -> None:
    """Print JSON, dataclasses as objects."""
    typer.echo(json.dumps(value, indent=2, default=dataclasses.asdict))


def command_line() -> str:
    """The command that runs, as one would type it."""
    return shlex.join(["memguard", *sys.argv[1:]])


def counted(number: int, noun: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def read_image(path: Path) -> Image.Image:
    """The image in a file, upright; RGBA where it may be transparent.

    Raises:
        UnreadableImageError: no file, or no image that Pillow reads.
    """
    from memguard.vision.decode import decode

    try:
        return decode(read_regular(path), alpha=True)[0]
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


Show = Callable[[str, int, Optional[int]], None]
"""Called with a task's name, what is done, and what there is to do, if that is known."""


class _Done(ProgressColumn):
    def render(self, task: Task) -> Text:
        if task.total is None:
            return Text(f"{task.completed:,.0f}" if task.completed else "")
        return Text(f"{task.completed:,.0f}/{task.total:,.0f}")


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        rate = _rate(task)
        return Text("" if rate is None else f"{rate:.1f}/s")


class _Left(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(_left(task))


def _rate(task: Task) -> float | None:
    """What is done in a second, from a task's first report to its latest; None if too early."""
    if "latest" not in task.fields:
        return None
    (began, at_first), (now, done) = task.fields["first"], task.fields["latest"]
    return (done - at_first) / (now - began) if now - began >= RATED_SECONDS else None


def _left(task: Task) -> str:
    """``0:02:30 left``; empty where that is not known, or nothing is left."""
    rate = _rate(task)
    if not rate or task.remaining is None or task.finished:
        return ""
    return f"{timedelta(seconds=int(task.remaining / rate))} left"


@contextlib.contextmanager
def progress(first: str, *, stopped: str = NOTHING_CHANGED, shown: bool = True) -> Iterator[Show]:
    """Show how far a command is, on stderr: a bar on a terminal, else a line every ten seconds.

    Args:
        first: the name of the first task.
        stopped: what Ctrl-C leaves behind, and how to go on; printed before the exit with 130.
        shown: whether to show it; not where the command prints its results one by one.
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        _Done(),
        _Rate(),
        _Left(),
    )
    bar = Progress(*columns, console=err, transient=True, disable=not (shown and err.is_terminal))
    tasks = {first: bar.add_task(first, total=None)}

    def show(name: str, done: int, total: int | None) -> None:
        if name not in tasks:
            tasks[name] = bar.add_task(name, total=total)
        report = (monotonic(), done)
        first = bar.tasks[tasks[name]].fields.get("first", report)
        bar.update(tasks[name], completed=done, total=total, first=first, latest=report)

    try:
        with bar, _lines(bar) if shown and not err.is_terminal else contextlib.nullcontext():
            yield show
    except KeyboardInterrupt:
        err.print(f"[yellow]stopped[/]: {escape(stopped)}")
        raise typer.Exit(INTERRUPTED) from None


@contextlib.contextmanager
def _lines(bar: Progress) -> Iterator[None]:
    """Print a line about the latest task every few seconds, from a thread of its own."""
    over = threading.Event()

    def repeat() -> None:
        while not over.wait(LINE_SECONDS):
            err.print(_line(bar.tasks[-1]))

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _line(task: Task) -> str:
    """``Indexing 1,200/3,000, 12.0/s, 0:02:30 left``, as far as it is known."""
    parts = (
        " ".join(filter(None, (task.description, str(_Done().render(task))))),
        str(_Rate().render(task)),
        _left(task),
    )
    return ", ".join(filter(None, parts))
