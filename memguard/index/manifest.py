"""The manifest: the one file that makes a directory an index, replaced in one step.

A directory without it is a build that has not finished. It pins the versions of the Lance
tables that the FAISS files beside them were derived from, so a reader never sees half a build.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import IndexUnavailableError
from memguard.writing import write_json

FORMAT = 1
"""The index format that this memguard writes, and the newest that it reads."""

NAME = "manifest.json"


@dataclass(frozen=True)
class AnnFile:
    """A FAISS file derived from one column of the records: path in the index, and its bytes."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an index holds.

    Attributes:
        descriptors: the exact descriptors, in the order they are shown.
        records_version, files_version: pinned Lance versions of the two tables.
        records: how many distinct images are indexed.
        unreadable: how many files could not be read.
        ann: descriptor name to its FAISS file.
        written_by: the memguard version that wrote it.
    """

    descriptors: tuple[DescriptorSpec, ...]
    records_version: int
    files_version: int
    records: int
    unreadable: int
    ann: dict[str, AnnFile]
    written_by: str
    format: int = FORMAT

    def write(self, directory: Path) -> None:
        """Replace the directory's manifest in one atomic step."""
        write_json(directory / NAME, dataclasses.asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """The directory's manifest.

        Raises:
            IndexUnavailableError: no index, an unfinished one, a damaged or a newer one.
        """
        try:
            data = json.loads((directory / NAME).read_bytes())
            if not isinstance(data, dict):
                raise ValueError("it is no JSON object")
        except (FileNotFoundError, NotADirectoryError):
            raise IndexUnavailableError(_absent(directory)) from None
        except (OSError, ValueError) as error:
            raise IndexUnavailableError(
                f"the manifest of {directory} is damaged ({error}); build the index again"
            ) from error
        if data.get("format") != FORMAT:
            raise IndexUnavailableError(
                f"{directory} has index format {data.get('format')}, this memguard reads format "
                f"{FORMAT}; upgrade memguard, or build the index again"
            )
        try:
            return cls(
                **{
                    **data,
                    "descriptors": tuple(specs_from_json(data["descriptors"])),
                    "ann": {name: AnnFile(**file) for name, file in data["ann"].items()},
                }
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise IndexUnavailableError(
                f"the manifest of {directory} is damaged ({error}); build the index again"
            ) from error


def specs_from_json(data: list[dict[str, Any]]) -> list[DescriptorSpec]:
    """The inverse of ``dataclasses.asdict`` on descriptor specs."""
    return [DescriptorSpec(**spec) for spec in data]


def _absent(directory: Path) -> str:
    if not directory.exists():
        return f"there is no index at {directory}; make one with `memguard build IMAGES -o NAME`"
    if (directory / "building.json").exists():
        return (
            f"{directory} is an unfinished build; run the same `memguard build` command again: "
            "it resumes where it stopped"
        )
    return f"{directory} is no memguard index; make one with `memguard build IMAGES -o NAME`"
