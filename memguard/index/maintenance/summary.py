"""What an index holds, in figures."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.planner import AnnChoice
from memguard.index.local import DirectoryIndex
from memguard.index.store.row_arrays import read_digests


@dataclass(frozen=True)
class Summary:
    """An index in figures.

    Attributes:
        path: the index.
        records: training images that can be found.
        clusters: those among them that are no near-duplicates of each other.
        removed: records that were removed and not yet compacted.
        refused: images that no build takes in.
        with_rights: images that come with a licence or copyright notice.
        descriptors: what is searched by.
        searches: descriptor name to how it is searched, with the recall of copies measured.
        bytes_per_image: descriptor name to bytes of its FAISS file and of its stored row, an image.
        bytes: of all files.
        unreadable: files that could not be read, with the reason.
        written_by: the memguard version that wrote it.
        format: of the index.
    """

    path: str
    records: int
    clusters: int
    removed: int
    refused: int
    with_rights: int
    descriptors: tuple[DescriptorSpec, ...]
    searches: dict[str, AnnChoice]
    bytes_per_image: dict[str, float]
    bytes: int
    unreadable: dict[str, str]
    written_by: str
    format: int

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values."""
        return dataclasses.asdict(self)


def summarize(index: str | os.PathLike[str]) -> Summary:
    """Look at an index.

    Raises:
        IndexUnavailableError: there is none, or it is damaged.
    """
    opened = DirectoryIndex.open(index)
    manifest, directory = opened.manifest, Path(index)
    searched = {
        name: sum(file.bytes for file in ann.files) / manifest.rows
        for name, ann in manifest.ann.items()
    }
    return Summary(
        path=str(directory),
        records=len(opened),
        clusters=len(np.unique(opened.clusters()[opened.rows()])),
        removed=manifest.rows - manifest.records - len(manifest.canaries),
        refused=len(read_digests(directory, manifest)),
        with_rights=manifest.with_rights,
        descriptors=opened.specs,
        searches={name: ann.choice for name, ann in manifest.ann.items()},
        bytes_per_image={spec.name: searched[spec.name] + _stored(spec) for spec in opened.specs},
        bytes=sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()),
        unreadable=opened.unreadable(),
        written_by=manifest.written_by,
        format=manifest.format,
    )


def _stored(spec: DescriptorSpec) -> int:
    """Bytes of a row in the records' table."""
    return spec.width if spec.metric == "hamming" else 2 * spec.width
