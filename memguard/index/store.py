"""The tables of an index, as Lance datasets: what is known of each image, and of each file.

``records.lance`` has one row per distinct image (content hash), append only: a row's position is
its number in the FAISS files. ``files.lance`` has one row per file seen, readable or not; it lets
a build resume without reading anything twice, and counts the exact copies of an image.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from memguard.descriptors.base import DescriptorSpec
from memguard.local_features import LocalFeatures
from memguard.picture import Picture

RECORDS = "records.lance"
FILES = "files.lance"

SCAN_ROWS = 8192
"""Rows read at a time when a whole column is scanned."""

FILES_SCHEMA = pa.schema(
    [
        pa.field("uri", pa.string(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("id", pa.string()),
        pa.field("reason", pa.string()),
    ]
)
"""``id`` of a readable file's record, else ``reason`` says why it could not be read."""


@dataclass(frozen=True)
class Record:
    """One distinct training image as the index knows it.

    Attributes:
        id: the first 128 bits of the SHA-256 of the file's bytes, hexadecimal.
        uri: where these bytes were first seen.
        width, height: the upright image's size in pixels.
        caption: the training caption, or None.
        thumbnail: a small encoded RGB image (:mod:`memguard.index.thumbnails`).
        features: local features (:meth:`memguard.local_features.LocalFeatures.to_bytes`).
        rows: descriptor name to its row of the descriptor matrix.
    """

    id: str
    uri: str
    width: int
    height: int
    caption: str | None
    thumbnail: bytes
    features: bytes
    rows: dict[str, NDArray[Any]]

    def image(self) -> Image.Image:
        """The thumbnail, decoded to RGB."""
        return Image.open(io.BytesIO(self.thumbnail)).convert("RGB")

    def picture(self) -> Picture:
        """The thumbnail with the local features that were found in the full image."""
        return Picture(self.image(), LocalFeatures.from_bytes(self.features))


@dataclass(frozen=True)
class FileEntry:
    """One file that a build has seen; exactly one of ``id`` and ``reason`` is set."""

    uri: str
    state: str
    id: str | None
    reason: str | None


def records_schema(specs: Sequence[DescriptorSpec]) -> pa.Schema:
    """Columns of ``records.lance``: vectors as half floats, hashes as fixed-size bytes."""
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("uri", pa.string(), nullable=False),
            pa.field("width", pa.int32(), nullable=False),
            pa.field("height", pa.int32(), nullable=False),
            pa.field("caption", pa.string()),
            pa.field("thumbnail", pa.binary(), nullable=False),
            pa.field("features", pa.binary(), nullable=False),
            *(pa.field(spec.name, _column_type(spec), nullable=False) for spec in specs),
        ]
    )


def append_records(
    directory: Path, specs: Sequence[DescriptorSpec], records: Sequence[Record]
) -> None:
    """Commit records in one atomic step; nothing is written for an empty list."""
    if not records:
        return
    plain = {
        name: [getattr(record, name) for record in records]
        for name in ("id", "uri", "width", "height", "caption", "thumbnail", "features")
    }
    vectors = {
        spec.name: _to_arrow(spec, np.stack([record.rows[spec.name] for record in records]))
        for spec in specs
    }
    _append(directory / RECORDS, pa.table({**plain, **vectors}, schema=records_schema(specs)))


def append_files(directory: Path, entries: Sequence[FileEntry]) -> None:
    """Commit file entries in one atomic step; nothing is written for an empty list."""
    if entries:
        rows = [vars(entry) for entry in entries]
        _append(directory / FILES, pa.Table.from_pylist(rows, schema=FILES_SCHEMA))


class Tables:
    """Both tables at one pair of versions (the newest where None is given)."""

    def __init__(
        self, directory: Path, records_version: int | None = None, files_version: int | None = None
    ) -> None:
        self._records = _open(directory / RECORDS, records_version)
        self._files = _open(directory / FILES, files_version)

    @property
    def versions(self) -> tuple[int, int]:
        """The Lance versions of records and files; 0 for a table that does not exist yet."""
        return (
            self._records.version if self._records else 0,
            self._files.version if self._files else 0,
        )

    def __len__(self) -> int:
        return self._records.count_rows() if self._records else 0

    def ids(self) -> Iterator[str]:
        """The id of every record, in row order."""
        for batch in _scan(self._records, ["id"]):
            yield from batch.column("id").to_pylist()

    def files(self) -> Iterator[FileEntry]:
        """Every file that was seen, oldest entry first; a later entry of a uri replaces it."""
        for batch in _scan(self._files, FILES_SCHEMA.names):
            for row in batch.to_pylist():
                yield FileEntry(**row)

    def unreadable(self) -> dict[str, str]:
        """Files that could not be read when they were last seen, with the reason."""
        latest = {entry.uri: entry.reason for entry in self.files()}
        return {uri: reason for uri, reason in latest.items() if reason is not None}

    def column(self, spec: DescriptorSpec) -> Iterator[NDArray[Any]]:
        """A descriptor's matrix in row order, in blocks of shape (<= SCAN_ROWS, width)."""
        for batch in _scan(self._records, [spec.name]):
            yield _from_arrow(spec, batch.column(spec.name))

    def take(self, specs: Sequence[DescriptorSpec], positions: Sequence[int]) -> list[Record]:
        """The records at the given row positions, in that order."""
        if not positions:
            return []
        table = self._records.take(list(positions))
        matrices = {spec.name: _from_arrow(spec, table.column(spec.name)) for spec in specs}
        plain = table.drop_columns([spec.name for spec in specs]).to_pylist()
        return [
            Record(**row, rows={name: matrix[i] for name, matrix in matrices.items()})
            for i, row in enumerate(plain)
        ]

    def rows(self, spec: DescriptorSpec, positions: Sequence[int]) -> NDArray[Any]:
        """A descriptor's rows at the given positions, shape (n, width)."""
        table = self._records.take(list(positions), columns=[spec.name])
        return _from_arrow(spec, table.column(spec.name))

    def find(self, specs: Sequence[DescriptorSpec], id: str) -> Record | None:
        """The record with this id, by a scan of the ids."""
        for position, known in enumerate(self.ids()):
            if known == id:
                return self.take(specs, [position])[0]
        return None


def _open(path: Path, version: int | None) -> Any:
    """The dataset; None where there is none, be it that a build was killed in its first commit."""
    if version is None and not _committed(path):
        return None
    return lance.dataset(path, version=version)


def _append(path: Path, table: pa.Table) -> None:
    lance.write_dataset(table, path, mode="append" if _committed(path) else "create")


def _committed(path: Path) -> bool:
    return any(path.glob("_versions/*.manifest"))


def _scan(dataset: Any, columns: list[str]) -> Iterator[pa.RecordBatch]:
    if dataset is not None:
        yield from dataset.to_batches(columns=columns, batch_size=SCAN_ROWS, scan_in_order=True)


def _column_type(spec: DescriptorSpec) -> pa.DataType:
    if spec.metric == "hamming":
        return pa.binary(spec.width)
    return pa.list_(pa.float16(), spec.width)


def _to_arrow(spec: DescriptorSpec, matrix: NDArray[Any]) -> pa.Array:
    if spec.metric == "hamming":
        return pa.array([row.tobytes() for row in matrix], _column_type(spec))
    flat = pa.array(matrix.astype(np.float16).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, spec.width)


def _from_arrow(spec: DescriptorSpec, column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if spec.metric == "hamming":
        joined = b"".join(array.to_pylist())
        return np.frombuffer(joined, np.uint8).reshape(-1, spec.width)
    return np.asarray(array.flatten()).reshape(-1, spec.width).astype(np.float32)
