"""Commands about references that do not block: allowed ones and quarantined ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer
from rich.markup import escape

from memguard.cli.console import MOST_SHOWN, counted, err, out, print_json, read_image
from memguard.cli.options import IndexArgument, Json, Weights, WeightsNow, weights_of
from memguard.errors import ConfigurationError

if TYPE_CHECKING:
    from memguard.index.store.exemptions import Change

Ids = Annotated[Optional[list[str]], typer.Option(help="Id of a reference, as --json prints it.")]
Uris = Annotated[
    Optional[list[str]], typer.Option(help="File or published address of a reference.")
]
Licence = Annotated[
    Optional[str],
    typer.Option(help="All references under a licence, or with such a notice; its exact text."),
]
Source = Annotated[
    Optional[str],
    typer.Option(help="All references of a folder, shard, table, data set or address."),
]
Like = Annotated[
    Optional[list[Path]],
    typer.Option(help="An image file: the one reference that it shows whole."),
]
Why = Annotated[str, typer.Option(help="The reason, for the history.")]
Who = Annotated[Optional[str], typer.Option(help="Who decided; by default you.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
List = Annotated[bool, typer.Option("--list", help="Show what holds now, and the history.")]


def allow(
    index: IndexArgument,
    id: Ids = None,
    uri: Uris = None,
    licence: Licence = None,
    source: Source = None,
    like: Like = None,
    why: Why = "",
    who: Who = None,
    yes: Yes = False,
    listed: List = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Allow references: guards show images that copy them, and say so in verdicts and logs.

    With --licence and --source both must hold. What is added to the index later is not allowed
    until you run the command again. Running services see a change when they reload.
    """
    from memguard.exemptions import allow_references

    if listed:
        _list(index, "allow", as_json)
        return
    chosen, how = _chosen(
        index, id, uri, licence, source, like, weights_of(clip_weights, sscd_weights, weights)
    )
    if not yes and (licence or source or like):
        _confirm("Allow", chosen)
    _report(index, allow_references(index, list(chosen), why=why, who=who, chosen=how), as_json)


def disallow(
    index: IndexArgument,
    id: Ids = None,
    uri: Uris = None,
    licence: Licence = None,
    source: Source = None,
    like: Like = None,
    why: Why = "",
    who: Who = None,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Undo `memguard allow`: copies of these references are blocked again."""
    from memguard.exemptions import disallow_references

    chosen, how = _chosen(
        index, id, uri, licence, source, like, weights_of(clip_weights, sscd_weights, weights)
    )
    _report(index, disallow_references(index, list(chosen), why=why, who=who, chosen=how), as_json)


def quarantine(
    index: IndexArgument,
    ids: Annotated[
        Optional[list[str]], typer.Argument(metavar="[ID]...", help="Ids of references.")
    ] = None,
    why: Why = "",
    who: Who = None,
    undo: Annotated[bool, typer.Option("--undo", help="Let the references block again.")] = False,
    listed: List = False,
    as_json: Json = False,
) -> None:
    """Let references that match what they should not, such as broken files, no longer block.

    --undo also tells guards that have suspended a reference by themselves to use it again.
    """
    from memguard.exemptions import quarantine_references, release_references

    if listed:
        _list(index, "quarantine", as_json)
        return
    change = release_references if undo else quarantine_references
    _report(index, change(index, ids or [], why=why, who=who), as_json)


def _chosen(
    index: Path,
    ids: Sequence[str] | None,
    uris: Sequence[str] | None,
    licence: str | None,
    source: str | None,
    images: Sequence[Path] | None,
    weights: Mapping[str, str],
) -> tuple[dict[str, str], str]:
    """Ids of the references that the options name, each with what named it; and these options.

    Raises:
        ConfigurationError: an option names none.
    """
    from memguard.exemptions import find_references, find_same_reference
    from memguard.lifecycle import find_ids

    chosen = dict.fromkeys(ids or [], "")
    for uri in uris or []:
        found = find_ids(index, uri)
        if not found:
            raise ConfigurationError(f"{index} holds no image of {uri}")
        chosen |= dict.fromkeys(found, uri)
    if licence is not None or source is not None:
        found = find_references(index, licence=licence, source=source)
        if not found and source is not None and Path(source).exists():
            found = find_references(index, licence=licence, source=str(Path(source).resolve()))
        if not found:
            raise ConfigurationError(
                f"{index} holds no image of {_how(licence=licence, source=source)}: write the "
                "licence as `memguard explain` shows rights, and the source as uris begin"
            )
        chosen |= dict.fromkeys(found, _how(licence=licence, source=source))
    for path in images or []:
        match = find_same_reference(index, read_image(path), weights=weights)
        if match is None:
            raise ConfigurationError(f"{path} shows no training image whole")
        chosen[match.id] = match.uri
        if match.near_duplicates > 1:
            err.print(
                f"[yellow]only {escape(match.uri)}:[/] {match.near_duplicates - 1} more are nearly "
                "this image, and are not meant; `memguard duplicates` shows them"
            )
    if not chosen:
        raise ConfigurationError("name references by --id, --uri, --licence, --source or --like")
    return chosen, _how(uri=uris, licence=licence, source=source, like=images)


def _confirm(what: str, chosen: Mapping[str, str]) -> None:
    for known, named in list(chosen.items())[:MOST_SHOWN]:
        err.print(f"{known} {escape(named)}")
    if len(chosen) > MOST_SHOWN:
        err.print(f"... and {len(chosen) - MOST_SHOWN} more")
    typer.confirm(f"{what} {counted(len(chosen), 'reference')}?", abort=True, err=True)


def _how(**options: object) -> str:
    """The options that chose references, as they were typed."""
    return " ".join(
        f"--{name} {one}"
        for name, value in options.items()
        if value is not None
        for one in (value if isinstance(value, list) else [value])
    )


DONE = {
    "allow": "allowed",
    "disallow": "no longer allowed",
    "quarantine": "quarantined",
    "release": "released from quarantine",
}


def _report(index: Path, change: Change, as_json: bool) -> None:
    if as_json:
        print_json(_plain(change))
    else:
        out.print(
            f"[bold]{escape(str(index))}[/]: {counted(len(change.ids), 'reference')} "
            f"{DONE[change.action]}. Running guards see it when they reload"
        )


def _list(index: Path, action: Literal["allow", "quarantine"], as_json: bool) -> None:
    """Show what an action has done and nobody has undone, and every change of its kind."""
    from memguard.exemptions import read_exemptions
    from memguard.index.open import open_index
    from memguard.index.store.exemptions import UNDONE_BY

    known = read_exemptions(index)
    held = known.allowed if action == "allow" else known.quarantined
    history = [change for change in known.history if change.action in (action, UNDONE_BY[action])]
    if as_json:
        print_json({"ids": sorted(held), "history": [_plain(change) for change in history]})
        return
    out.print(f"[bold]{escape(str(index))}[/]: {counted(len(held), 'reference')} {DONE[action]}")
    opened = open_index(index)
    for one in sorted(held)[:MOST_SHOWN]:
        record = opened.find(one)
        out.print(f"  {one} {escape(record.uri) if record else '(no longer in the index)'}")
    if len(held) > MOST_SHOWN:
        out.print(f"  ... and {len(held) - MOST_SHOWN} more; --json names all")
    if history:
        out.print("[bold]History[/]")
    for change in history:
        still = Counter(one in held for one in change.ids)[True]
        left = f", {still} still" if change.action == action else ""
        notes = " ".join(filter(None, (change.chosen, change.why and f'"{change.why}"')))
        out.print(
            f"  {datetime.fromisoformat(change.when):%Y-%m-%d %H:%M} UTC {escape(change.who)}: "
            f"{counted(len(change.ids), 'reference')} {DONE[change.action]}{left}. {escape(notes)}"
        )


def _plain(change: Change) -> dict[str, object]:
    return {name: getattr(change, name) for name in change.__struct_fields__}
