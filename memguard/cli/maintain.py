"""Commands that change an index or look after its files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from memguard.cli.console import RESUMES, counted, err, out, print_json, progress, read_image
from memguard.cli.options import IndexArgument, Json, Memory, Weights, WeightsNow, weights_of
from memguard.errors import ConfigurationError

VERIFY_AGAIN = "run the same command again: it reads every file from the start"
PUSH_RESUMES = "what was pushed stays. Run the same command again: it pushes the rest"


def remove(
    index: IndexArgument,
    id: Annotated[
        Optional[list[str]], typer.Option(help="Id of an image, as --json prints it.")
    ] = None,
    uri: Annotated[
        Optional[list[str]],
        typer.Option(help="File or published address of an image."),
    ] = None,
    like: Annotated[
        Optional[list[Path]],
        typer.Option(help="An image file; what it copies is removed."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Allow removed images (by --id) again.")
    ] = False,
    clip_weights: WeightsNow = None,
    sscd_weights: WeightsNow = None,
    weights: Weights = None,
    as_json: Json = False,
) -> None:
    """Remove images: searches no longer find them, and builds no longer add them.

    Running services see it when they reload; `memguard compact` deletes the bytes from the files.
    """
    from memguard.lifecycle import find_ids, readmit_images, remove_images

    if undo:
        if not id or uri or like:
            raise ConfigurationError("--undo takes --id, and no other way to name images")
        removal = readmit_images(index, id)
        if as_json:
            print_json(removal)
        else:
            out.print(f"[bold]{escape(str(index))}[/]: {counted(removal.records, 'image')}")
        return
    wanted = dict.fromkeys(id or [], "")
    for one in uri or []:
        found = find_ids(index, one)
        if not found:
            raise ConfigurationError(f"{index} holds no image of {one}")
        wanted |= dict.fromkeys(found, one)
    if like:
        wanted |= _copied(index, like, weights_of(clip_weights, sscd_weights, weights))
        if not yes and wanted:
            for known, shown in wanted.items():
                err.print(f"{known} {escape(shown)}")
            typer.confirm(f"Remove {counted(len(wanted), 'image')}?", abort=True, err=True)
    if not wanted:
        raise ConfigurationError("nothing to remove: name images by --id, --uri or --like")
    removal = remove_images(index, list(wanted))
    if as_json:
        print_json(removal)
        return
    compacting = (
        f" `memguard compact {escape(str(index))}` deletes their bytes from the files"
        if Path(removal.path).is_dir()
        else ""
    )
    out.print(
        f"[bold]{escape(removal.path)}[/]: {counted(len(removal.removed), 'image')} removed, "
        f"{removal.records} left. Guards no longer block copies of what was removed.{compacting}"
    )


def compact(index: IndexArgument, as_json: Json = False) -> None:
    """Delete the bytes of removed images from every file of an index."""
    from memguard.lifecycle import compact_index

    done = compact_index(index)
    if as_json:
        print_json(done)
    else:
        out.print(
            f"[bold]{escape(done.path)}[/]: {counted(done.removed, 'removed image')} left the "
            f"files, {counted(done.records, 'image')} in it now, {done.freed / 1e6:.1f} MB freed"
        )
    if done.still_read:
        err.print(
            "[yellow]the old files are still there:[/] a process reads them. Reload or stop the "
            "services that use this index, and compact again"
        )
        raise typer.Exit(4)


def verify(
    index: IndexArgument,
    mend: Annotated[bool, typer.Option("--mend", help="Rebuild damaged derived files.")] = False,
    as_json: Json = False,
) -> None:
    """Check every file of an index against its fingerprint; exit status 4 if one differs."""
    from memguard.lifecycle import verify_index

    with progress("Reading", stopped=VERIFY_AGAIN) as show:
        found = verify_index(index, mend=mend, on_progress=partial(show, "Reading"))
    if as_json:
        print_json(found)
    else:
        for name in found.mended:
            out.print(f"[green]mended[/] {escape(name)}")
        for damage in found.damaged:
            out.print(
                f"[bold red]damaged[/] {escape(damage.file)}: {escape(damage.reason)}; "
                f"{escape(damage.advice)}"
            )
        out.print(
            f"[bold]{escape(found.path)}[/]: {counted(found.files, 'file')}, "
            f"{found.bytes / 1e6:.1f} MB, {len(found.damaged)} damaged"
        )
    if found.damaged:
        raise typer.Exit(4)


def merge(
    indexes: Annotated[list[Path], typer.Argument(metavar="INDEX...", help="Index directories.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The new index directory.")],
    memory: Memory = None,
) -> None:
    """Merge indexes with the same descriptors into a new one."""
    from memguard.lifecycle import merge_indexes

    with progress("Merging", stopped=RESUMES) as show:
        merged = merge_indexes(
            indexes,
            output,
            memory=memory,
            on_progress=partial(show, "Merging"),
        )
    out.print(
        f"[bold]{escape(str(output))}[/]: {counted(merged.records, 'image')}. It has no thresholds "
        f"yet: `memguard calibrate {escape(str(output))}`"
    )


def push(
    index: IndexArgument,
    address: Annotated[str, typer.Argument(help="milvus://[USER:PASSWORD@]HOST[:PORT]/PREFIX")],
    as_json: Json = False,
) -> None:
    """Copy an index to Milvus, where many machines search it; run again to resume or update.

    Keep a token or USER:PASSWORD in $MEMGUARD_MILVUS_TOKEN rather than in the address.
    """
    from memguard.lifecycle import push_index

    with progress("Pushing", stopped=PUSH_RESUMES) as show:
        summary = push_index(index, address, on_progress=partial(show, "Pushing"))
    if as_json:
        print_json(summary)
        return
    out.print(
        f"[bold]{escape(summary.address)}[/]: {counted(summary.records, 'image')}. "
        f"{counted(summary.written, 'record')} written, {summary.removed} removed, "
        f"{summary.blocked} blocked there; {summary.seconds:.1f} s"
    )


def _copied(index: Path, images: list[Path], weights: Mapping[str, str]) -> dict[str, str]:
    """Ids of the references that the images copy, with their uris."""
    from memguard.lifecycle import find_copied

    found: dict[str, str] = {}
    copied = find_copied(index, [read_image(path) for path in images], weights=weights)
    for path, matches in zip(images, copied, strict=True):
        if not matches:
            err.print(f"[yellow]no training image is like[/] {escape(str(path))}")
        found |= {match.id: match.uri for match in matches}
    return found
