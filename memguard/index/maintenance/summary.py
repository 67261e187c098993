"""An index in figures."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.planner import AnnChoice
from memguard.index.local import DirectoryIndex
from memguard.index.store.documents import CALIBRATION
from memguard.index.store.row_arrays import read_blocked
from memguard.index.store.tables import created


@dataclass(frozen=True)
class Summary:
    """An index in figures.

    Attributes:
        path: the index.
        records: training images that searches find.
        clusters: clusters of near-duplicates among them.
        deleted: deleted records that are not yet compacted away.
        blocked: ids that no build takes in.
        allowed: references that do not block because somebody allowed them.
        quarantined: references that do not block because somebody quarantined them.
        with_rights: images with a licence or copyright notice.
        descriptors: its descriptors.
        searches: descriptor name to its kind of search, with the measured recall of copies.
        bytes_per_image: descriptor name to bytes of its FAISS file and of its stored row, an image.
        bytes: of all files.
        unreadable: files that could not be read, with the reason.
        written_by: the memguard version that wrote it.
        format: of the index.
        fingerprint: :attr:`memguard.index.store.manifest.Manifest.fingerprint`.
        created: when the oldest version that is kept was written, ISO 8601, UTC: the first build,
            or the last compaction.
        calibrated: when its calibration was written, likewise, as the file system says; None
            without a calibration.
    """

    path: str
    records: int
    clusters: int
    deleted: int
    blocked: int
    allowed: int
    quarantined: int
    with_rights: int
    descriptors: tuple[DescriptorSpec, ...]
    searches: dict[str, AnnChoice]
    bytes_per_image: dict[str, float]
    bytes: int
    unreadable: dict[str, str]
    written_by: str
    format: int
    fingerprint: str
    created: str
    calibrated: str | None

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values."""
        return dataclasses.asdict(self)


def summarize(index: str | os.PathLike[str]) -> Summary:
    """Summarize an index.

    Raises:
        IndexUnavailableError: there is none, or it is damaged.
    """
    opened = DirectoryIndex.open(index)
    manifest, directory = opened.manifest, Path(index)
    exempt = opened.exemptions()
    searched = {
        name: sum(file.bytes for file in ann.files) / manifest.rows
        for name, ann in manifest.ann.items()
    }
    return Summary(
        path=str(directory),
        records=len(opened),
        clusters=len(np.unique(opened.clusters()[opened.rows()])),
        deleted=manifest.rows - manifest.records - len(manifest.canaries),
        blocked=len(read_blocked(directory, manifest)),
        allowed=len(exempt.allowed),
        quarantined=len(exempt.quarantined),
        with_rights=manifest.with_rights,
        descriptors=opened.specs,
        searches={name: ann.choice for name, ann in manifest.ann.items()},
        bytes_per_image={spec.name: searched[spec.name] + _stored(spec) for spec in opened.specs},
        bytes=sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()),
        unreadable=opened.unreadable(),
        written_by=manifest.written_by,
        format=manifest.format,
        fingerprint=manifest.fingerprint,
        created=_iso(created(directory)),
        calibrated=_written(directory / CALIBRATION),
    )


def _written(file: Path) -> str | None:
    """When a file was last written, if it is there."""
    return _iso(datetime.fromtimestamp(file.stat().st_mtime)) if file.is_file() else None


def _iso(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="seconds")


def _stored(spec: DescriptorSpec) -> int:
    """Bytes of a vector in the records' table."""
    return spec.width if spec.metric == "hamming" else 2 * spec.width
