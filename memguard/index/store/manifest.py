"""The manifest: the file that makes a directory an index, replaced in one atomic step.

A directory without it is an unfinished build. It pins the versions of the Lance tables and the
files derived from them, so that a reader never sees half a build.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import IndexUnavailableError
from memguard.files import (
    CHECKSUM,
    checked_json,
    from_json,
    read_checked,
    sha256,
    write_checked,
)
from memguard.index.ann.files import AnnIndex
from memguard.index.ann.planner import AnnChoice

FORMAT = 3
"""The index format that this memguard writes, and the only one that it reads."""

MANIFEST_NAME = "manifest.json"

BUILDING = "building.json"
"""In a directory whose build has not finished (:mod:`memguard.index.ingest.checkpoint`)."""


OTHER_FORMAT = {
    True: "upgrade memguard: pip install -U memguard",
    False: "build it again in another directory: memguard build IMAGES -o NAME, then put it in the "
    "place of {}",
}
"""What to do about an index of a newer format, and of an older one."""


class OtherFormatError(ValueError):
    """A manifest of a format that this memguard does not read.

    Attributes:
        newer: whether a newer memguard wrote it.
    """

    def __init__(self, format: object) -> None:
        super().__init__(format)
        self.newer = isinstance(format, int) and format > FORMAT


@dataclass(frozen=True)
class PinnedFile:
    """A file of one revision of an index: its path in the index, size and SHA-256."""

    path: str
    bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if Path(self.path).is_absolute() or ".." in Path(self.path).parts:
            raise ValueError(f"it names a file outside the index, {self.path!r}")

    @classmethod
    def of(cls, directory: Path, path: Path) -> PinnedFile:
        """The file as it is now."""
        return cls(str(path.relative_to(directory)), path.stat().st_size, sha256(path))

    def is_whole(self, directory: Path) -> bool:
        """Whether the file still has these bytes."""
        path = directory / self.path
        return path.is_file() and path.stat().st_size == self.bytes and sha256(path) == self.sha256


@dataclass(frozen=True)
class AnnFile:
    """The files of one descriptor's search (:mod:`memguard.index.ann.files`), FAISS's first."""

    files: tuple[PinnedFile, ...]
    choice: AnnChoice

    @property
    def path(self) -> str:
        return self.files[0].path

    def index(self, directory: Path, spec: DescriptorSpec) -> AnnIndex:
        """The ANN index of this descriptor, to be searched or extended."""
        return AnnIndex(spec, directory / self.path, self.choice)


@dataclass(frozen=True)
class Manifest:
    """What an index holds.

    Attributes:
        descriptors: the exact descriptors, in the order they are shown.
        revision: number of this manifest, from 1; part of its files' names.
        generation: number of compactions so far, each of which moves rows; a killed one counts when
            another writer publishes what it left.
        records_version, files_version: pinned Lance versions of the two tables.
        rows: records in their table: training images, deleted ones and canaries.
        records: training images that searches find.
        with_rights: those among them with a licence or copyright notice.
        unreadable: files that could not be read.
        canaries: rows of the planted references.
        ann: descriptor name to its FAISS file.
        lists: name to file of the arrays over the rows (:mod:`memguard.index.store.row_arrays`).
        memory: bytes that the FAISS files were planned for; None for no limit.
        written_by: the memguard version that wrote it.
    """

    descriptors: tuple[DescriptorSpec, ...]
    revision: int
    generation: int
    records_version: int
    files_version: int
    rows: int
    records: int
    with_rights: int
    unreadable: int
    canaries: tuple[int, ...]
    ann: dict[str, AnnFile]
    lists: dict[str, PinnedFile]
    memory: int | None
    written_by: str
    format: int = FORMAT

    def write(self, path: Path) -> None:
        """Replace the file at ``path`` in one atomic step."""
        write_checked(path, dataclasses.asdict(self))

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """The directory's manifest.

        Raises:
            IndexUnavailableError: no index, an unfinished one, a damaged one, or one of another
                format.
        """
        try:
            return cls.parse((directory / MANIFEST_NAME).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise IndexUnavailableError(absent(directory)) from None
        except OtherFormatError as error:
            raise IndexUnavailableError(
                f"{directory} has index format {error}, this memguard reads format {FORMAT}; "
                + OTHER_FORMAT[error.newer].format(directory)
            ) from error
        except (OSError, ValueError) as error:
            raise IndexUnavailableError(
                f"the manifest of {directory} is damaged ({error}); run `memguard verify "
                f"{directory} --mend`, or build the index again"
            ) from error

    @classmethod
    def parse(cls, text: bytes) -> Manifest:
        """The manifest in a file's bytes.

        Raises:
            ValueError: it is damaged.
            OtherFormatError: it is of another format.
        """
        data = json.loads(text)
        if isinstance(data, dict) and data.get("format") != FORMAT:
            raise OtherFormatError(data.get("format"))
        return from_json(read_checked(text), cls)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 that the manifest's file ends with: of all that this index holds."""
        found: str = json.loads(checked_json(dataclasses.asdict(self)))[CHECKSUM]
        return found

    def files(self) -> list[PinnedFile]:
        """Every pinned file."""
        return [*(file for ann in self.ann.values() for file in ann.files), *self.lists.values()]


def absent(directory: Path) -> str:
    """A message that says why there is no index here, and what to do."""
    if not directory.exists():
        return f"there is no index at {directory}; make one with `memguard build IMAGES -o NAME`"
    if (directory / BUILDING).exists():
        return (
            f"{directory} is an unfinished build; run the same `memguard build` command again: "
            "it resumes where it stopped"
        )
    return f"{directory} is no memguard index; make one with `memguard build IMAGES -o NAME`"
