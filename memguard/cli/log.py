"""``memguard log``: filter, sum up and verify an audit log."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer
from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table
from typer.core import TyperGroup

from memguard.cli.console import COLOURS, MOST_SHOWN, counted, err, out, print_json, read_image
from memguard.cli.options import Json

if TYPE_CHECKING:
    from memguard.audit_log.reader import Wanted
    from memguard.audit_log.summary import Day

KEY_VARIABLE = "MEMGUARD_LOG_KEY"
"""Holds the secret of a log that has one."""

SHA256 = re.compile(r"[0-9a-f]{64}")

LABELS = ("clear", "similar", "memorized", "uninformative", "unchecked")
ACTIONS = ("shown", "blocked", "regenerated", "discarded", "raised", "returned")
"""The columns of the table, where there is anything to count."""

LogArgument = Annotated[Path, typer.Argument(metavar="LOG", help="The file of audit_log=.")]


class ShowByDefault(TyperGroup):
    """``memguard log LOG`` is ``memguard log show LOG``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "-h", "--help"}:
            args = ["show", *args]
        return super().parse_args(ctx, args)


group = typer.Typer(
    cls=ShowByDefault,
    no_args_is_help=True,
    help="Sum up an audit log (memguard log LOG), or verify it (memguard log verify LOG).",
)


@group.command()
def show(
    log: LogArgument,
    since: Annotated[
        Optional[str], typer.Option(help="2026-11-25, 2026-11-25T14:00 (UTC), or 7d, 12h, 30m ago.")
    ] = None,
    until: Annotated[
        Optional[str], typer.Option(help="The same; of a date, its whole day.")
    ] = None,
    label: Annotated[Optional[str], typer.Option(help=", ".join(LABELS))] = None,
    action: Annotated[Optional[str], typer.Option(help=", ".join(ACTIONS))] = None,
    would: Annotated[
        Optional[str], typer.Option(help="What would have been done: blocked, regenerated, raised.")
    ] = None,
    request: Annotated[Optional[str], typer.Option(help="The key of a request.")] = None,
    image: Annotated[
        Optional[str], typer.Option(help="The image itself, in a lossless file; or its hash.")
    ] = None,
    reference: Annotated[
        Optional[str], typer.Option(help="A training image that matched: its id or uri.")
    ] = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Each check on a line, the newest last.")
    ] = False,
    number: Annotated[
        int, typer.Option("-n", min=1, help="Lines to show at most, the newest.")
    ] = MOST_SHOWN,
    as_json: Json = False,
) -> None:
    """Sum up an audit log by day; with --lines, show its lines.

    --json prints the days, with --lines every line.
    """
    from memguard.audit_log.reader import Wanted, parse_time, read
    from memguard.audit_log.summary import by_day, total

    wanted = Wanted(
        since=parse_time(since) if since else None,
        until=parse_time(until, end=True) if until else None,
        label=_one_of("--label", label, LABELS),
        action=_one_of("--action", action, ACTIONS),
        would=would,
        request=request,
        image=_image_hash(image) if image else None,
        reference=reference,
    )
    found = read(log, wanted)
    if lines:
        _show_lines(found, number, as_json)
        return
    days = by_day(found)
    if as_json:
        print_json({day: count.to_json() for day, count in days.items()})
        return
    if days:
        _print_days(log, days, total(days.values()))
    else:
        out.print(_nothing(log, wanted))


@group.command()
def verify(
    log: LogArgument,
    anchor: Annotated[
        Optional[str],
        typer.Option(metavar="NUMBER:SEAL", help="A line that an earlier verify printed."),
    ] = None,
    pruned: Annotated[
        bool, typer.Option("--pruned", help="The oldest files were deleted on purpose.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look for lines that were changed, removed or added; exit status 4 if there are any.

    The secret of a log that has one is read from $MEMGUARD_LOG_KEY.
    """
    from memguard.audit_log.verify import parse_anchor
    from memguard.audit_log.verify import verify as verify_log

    key = os.environ.get(KEY_VARIABLE)
    found = verify_log(
        log,
        key=key.encode() if key else None,
        anchor=parse_anchor(anchor) if anchor else None,
        pruned=pruned,
    )
    if as_json:
        print_json(found)
    else:
        for finding in found.findings[:MOST_SHOWN]:
            out.print(f"[bold red]{finding.kind:<8}[/] {_safe(finding.where)}: {finding.text}")
        if len(found.findings) > MOST_SHOWN:
            out.print(f"... and {len(found.findings) - MOST_SHOWN} more; --json prints all")
        for note in found.notes:
            out.print(f"[yellow]note[/]     {note}")
        whole = "[green]whole[/]" if not found.findings else "[bold red]not whole[/]"
        out.print(
            f"[bold]{_safe(str(log))}[/]: {counted(found.lines, 'line')} in "
            f"{counted(found.files, 'file')}, {whole}"
        )
        if found.lines and not found.findings:
            out.print(f"The last line, to be kept elsewhere: {found.last.number}:{found.last.seal}")
    if found.findings:
        raise typer.Exit(4)


def _show_lines(found: Iterable[dict[str, Any]], number: int, as_json: bool) -> None:
    from collections import deque

    if as_json:
        print_json(list(found))
        return
    shown: deque[dict[str, Any]] = deque(maxlen=number)
    count = 0
    for line in found:
        shown.append(line)
        count += 1
    for line in shown:
        out.print(_line(line))
    if count > len(shown):
        err.print(f"the newest {len(shown)} of {count:,} lines; -n shows more, --json all")


def _line(line: Mapping[str, Any]) -> str:
    """``2026-11-25 16:01:02 memorized blocked order 7 (2 of 4): cat.png; copy_evidence ...``."""
    label, action = line["label"], line["action"]
    fate = action if line["would"] is None else f"{action} (would: {line['would']})"
    where = f"{_safe(line['request'])} ({line['position'] + 1} of {line['images']})"
    attempt = f", attempt {line['attempt']}" if line["attempt"] else ""
    reason = ""
    if label == "unchecked":
        reason = f": {_safe(line['why'])}"
    elif label in ("similar", "memorized") and line["matches"]:
        reason = f": {_safe(line['matches'][0]['uri'].rsplit('/', 1)[-1])}"
    time = line["time"][:19].replace("T", " ")
    colour = COLOURS.get(label, "green")
    return f"{time}  [{colour}]{label:<13}[/] {fate:<11} {where}{attempt}{reason}"


Columns = Sequence[tuple[str, Callable[["Day"], str]]]
"""Headings, and the cells below them."""


def _print_days(log: Path, days: Mapping[str, Day], whole: Day) -> None:
    """Two tables: what was found, and what was done."""
    labels = [(name, partial(_count, "labels", name)) for name in LABELS if whole.labels[name]]
    actions = [(name, partial(_count, "actions", name)) for name in ACTIONS if whole.actions[name]]
    found: Columns = [("checks", lambda day: f"{day.checks:,}"), *labels, ("median ms", _median)]
    done: list[tuple[str, Callable[[Day], str]]] = [*actions]
    if whole.would:
        done.append(("would not be shown", lambda day: _number(day.would.total())))
    if whole.trial:
        done.append(("trial differs", lambda day: _number(day.trial.total())))
    out.print(f"[bold]{_safe(str(log))}[/]\n")
    out.print(_table(found, days, whole))
    out.print()
    out.print(_table(done, days, whole))


def _table(columns: Columns, days: Mapping[str, Day], whole: Day) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1), show_footer=len(days) > 1, show_edge=False)
    table.add_column("day (UTC)", footer="all", no_wrap=True)
    for name, cell in columns:
        style = COLOURS.get(name, "yellow" if name == "unchecked" else "")
        table.add_column(name, justify="right", footer=cell(whole), style=style)
    for name, day in days.items():
        table.add_row(name, *(cell(day) for _, cell in columns))
    return table


def _count(field: str, name: str, day: Day) -> str:
    return _number(getattr(day, field)[name])


def _number(count: int) -> str:
    return f"{count:,}" if count else ""


def _median(day: Day) -> str:
    return "" if day.median_ms is None else f"{day.median_ms:.0f}"


def _nothing(log: Path, wanted: Wanted) -> str:
    asked = any(value is not None for value in vars(wanted).values())
    return f"{_safe(str(log))} holds no line{' like that' if asked else ''}"


def _image_hash(image: str) -> str:
    from memguard.audit_log.hashes import image_sha256

    return image if SHA256.fullmatch(image) else image_sha256(read_image(Path(image)))


def _one_of(option: str, value: str | None, known: tuple[str, ...]) -> str | None:
    from memguard.errors import ConfigurationError

    if value is not None and value not in known:
        raise ConfigurationError(f"{option} is one of {', '.join(known)}, not {value!r}")
    return value


def _safe(text: str) -> str:
    """The text as the terminal may show it: control characters written out."""
    return escape("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))
