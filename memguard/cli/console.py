"""What every command shares: its output, its progress bars, how it reads an image."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

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

from memguard.errors import UnreadableImageError

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)

COLOURS = {"memorized": "bold red", "similar": "yellow"}
"""Of the labels that want someone's eye."""

MOST_SHOWN = 20
"""Lines of a list on the terminal; `--json` gives all of them."""


def read_image(path: Path) -> Image.Image:
    from memguard.vision.decode import decode

    try:
        return decode(path.read_bytes())[0]
    except (OSError, UnreadableImageError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UnreadableImageError(f"{path} cannot be read: {reason}") from error


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.finished_speed or task.speed or 0:.1f}/s")


@contextlib.contextmanager
def progress(what: str) -> Iterator[Callable[[str, int, int | None], None]]:
    """A progress bar on a terminal; call what it gives with the work's name, done and total."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks = {what: bar.add_task(what, total=None)}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        yield show
