"""The most repeated training images as one HTML page: their files, and which one to keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from memguard.index.local import DirectoryIndex
from memguard.index.maintenance.duplicates import Repeated, files_of
from memguard.index.record import Record
from memguard.report.pages import picture_uri, render
from memguard.report.provenance import provenance

MOST_NAMED = 12
"""Files with the same bytes that are named."""


def duplicates_page(index: DirectoryIndex, repeated: Sequence[Repeated], command: str) -> str:
    """The page, as HTML.

    Args:
        index: of the training set.
        repeated: its most repeated images.
        command: how to make the page again.

    Raises:
        ConfigurationError: the extra ``report`` is not installed.
    """
    files = files_of(index, [record.id for one in repeated for record in one.members])
    return render(
        "duplicates.html.j2",
        name=Path(index.name).resolve().name,
        directory=index.name,
        clusters=[_cluster(one, files) for one in repeated],
        redundant=sum(one.files - 1 for one in repeated),
        provenance=provenance(index, command),
    )


def _cluster(one: Repeated, files: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Its members; the first file of all is the one to keep, as ``--redundant`` has it."""
    largest = max(_pixels(record) for record in one.members)
    return {
        "files": one.files,
        "images": one.images,
        "more": one.images - len(one.members),
        "caption": one.members[0].caption,
        "members": [
            {
                "picture": picture_uri(record.image()) if record.has_pixels else None,
                "name": record.uri,
                "size": f"{record.width} x {record.height}" if _pixels(record) else None,
                "largest": _pixels(record) == largest > _pixels(one.members[0]),
                "keep": record is one.members[0],
                "uris": files[record.id][:MOST_NAMED],
                "all_uris": len(files[record.id]),
            }
            for record in one.members
        ],
    }


def _pixels(record: Record) -> int:
    return record.width * record.height
