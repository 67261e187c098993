"""The tables of an index, as Lance datasets: one of images, one of files.

``records.lance`` has a row for each distinct image (by content hash), append-only between
compactions; the row number is the vector's number in the FAISS files. ``files.lance`` has a row for
each file seen, readable or not; a build resumes from it without reading a file twice, and counts
exact duplicates with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.record import Record

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
"""``id`` of a readable file's record, else ``reason`` says why there is none."""

REASON_BLOCKED = "taken down"
"""The stored reason of a file whose image is blocked."""

PLAIN_FIELDS = (
    pa.field("id", pa.string(), nullable=False),
    pa.field("uri", pa.string(), nullable=False),
    pa.field("width", pa.int32(), nullable=False),
    pa.field("height", pa.int32(), nullable=False),
    pa.field("caption", pa.string()),
    pa.field("rights", pa.string()),
    pa.field("url", pa.string()),
    pa.field("blank", pa.bool_(), nullable=False),
    pa.field("canary", pa.bool_(), nullable=False),
    pa.field("thumbnail", pa.binary()),
    pa.field("features", pa.binary()),
)
"""Columns of ``records.lance`` other than the descriptors'."""

PLAIN = tuple(field.name for field in PLAIN_FIELDS)


@dataclass(frozen=True)
class FileEntry:
    """A file that a build has seen; either ``id`` or ``reason`` is set."""

    uri: str
    state: str
    id: str | None
    reason: str | None


def records_schema(specs: Sequence[DescriptorSpec]) -> pa.Schema:
    """Columns of ``records.lance``: vectors as half floats, hashes as fixed-size bytes."""
    return pa.schema([*PLAIN_FIELDS, *(pa.field(spec.name, _column_type(spec)) for spec in specs)])


def append_records(
    directory: Path, specs: Sequence[DescriptorSpec], records: Sequence[Record]
) -> None:
    """Commit records in one atomic step; nothing is written for an empty list."""
    if not records:
        return
    plain = {name: [getattr(record, name) for record in records] for name in PLAIN}
    vectors = {
        spec.name: _to_arrow(spec, [record.vectors.get(spec.name) for record in records])
        for spec in specs
    }
    append(directory / RECORDS, pa.table({**plain, **vectors}, schema=records_schema(specs)))


def append_files(directory: Path, entries: Sequence[FileEntry]) -> None:
    """Commit file entries in one atomic step; nothing is written for an empty list."""
    if entries:
        columns = {name: [getattr(entry, name) for entry in entries] for name in FILES_SCHEMA.names}
        append(directory / FILES, pa.table(columns, schema=FILES_SCHEMA))


def append(path: Path, table: pa.Table) -> None:
    """Commit rows to the dataset at ``path`` in one atomic step."""
    lance.write_dataset(table, path, mode="append" if _committed(path) else "create")


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

    def hold_deleted_rows(self) -> bool:
        """Whether a data file still holds the bytes of rows that were deleted."""
        return any(
            dataset.stats.dataset_stats()["num_deleted_rows"]
            for dataset in (self._records, self._files)
            if dataset
        )

    def scan(self, columns: Sequence[str], after: int = 0) -> Iterator[pa.RecordBatch]:
        """Columns of the records in row order, in batches of at most SCAN_ROWS rows.

        Args:
            columns: their names.
            after: rows to skip at the beginning.
        """
        yield from _scan(self._records, columns, after)

    def scan_files(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Columns of the files' table, oldest entry first."""
        yield from _scan(self._files, columns)

    def ids(self) -> Iterator[str]:
        """The id of every record, in row order."""
        for batch in self.scan(["id"]):
            yield from batch.column("id").to_pylist()

    def files(self) -> Iterator[FileEntry]:
        """Every file that was seen, oldest entry first; a later entry of a uri replaces it."""
        for batch in self.scan_files(FILES_SCHEMA.names):
            for row in batch.to_pylist():
                yield FileEntry(**row)

    def unreadable(self) -> dict[str, str]:
        """Files that could not be read when they were last seen, with the reason.

        A damaged shard or a closed folder counts as mended once an image in it was read in another
        state. Files of blocked images are not included.
        """
        failed = {
            uri
            for batch in self.scan_files(["uri", "reason"])
            for uri in batch.column("uri").filter(batch.column("reason").is_valid()).to_pylist()
        }
        latest: dict[str, tuple[str, str]] = {}
        names = ["uri", "state", "reason"]
        for batch in self.scan_files(names) if failed else ():
            for uri, state, reason in zip(*(batch.column(name).to_pylist() for name in names)):
                if reason is not None:
                    latest[uri] = (state, reason)
                    continue
                latest.pop(uri, None)
                for whole in (uri.partition("#")[0], os.path.dirname(uri)):
                    if latest.get(whole, (state, ""))[0] != state:
                        del latest[whole]
        return {uri: reason for uri, (_, reason) in latest.items() if reason != REASON_BLOCKED}

    def column(self, spec: DescriptorSpec, after: int = 0) -> Iterator[NDArray[Any]]:
        """A descriptor's matrix in row order, in blocks of shape (<= SCAN_ROWS, width).

        Records without the descriptor have zero vectors.
        """
        for batch in self.scan([spec.name], after):
            yield _from_arrow(spec, batch.column(spec.name))

    def missing(self, column: str) -> NDArray[np.int64]:
        """Rows of the records without a value in a column, ascending."""
        return self._where(column, lambda values: ~_valid(values))

    def without_pixels(self) -> NDArray[np.int64]:
        """Rows of the records without a thumbnail, ascending."""
        return self._where("width", lambda widths: np.asarray(widths) == 0)

    def flagged(self, column: str) -> NDArray[np.int64]:
        """Rows of the records for which a column (``blank``, ``canary``) is true, ascending."""
        return self._where(column, np.asarray)

    def _where(
        self, column: str, chosen: Callable[[pa.Array], NDArray[np.bool_]]
    ) -> NDArray[np.int64]:
        found, start = [np.empty(0, np.int64)], 0
        for batch in self.scan([column]):
            found.append(start + np.flatnonzero(chosen(batch.column(column))))
            start += batch.num_rows
        return np.concatenate(found)

    def take(self, specs: Sequence[DescriptorSpec], rows: Sequence[int]) -> list[Record]:
        """The records in the given rows, in that order."""
        if not len(rows):
            return []
        table = self._records.take(list(rows)).combine_chunks()
        return records_of(specs, table)

    def vectors(self, spec: DescriptorSpec, rows: Sequence[int]) -> NDArray[Any]:
        """A descriptor's vectors in the given rows, shape (n, width); zero vectors for none."""
        table = self._records.take(list(rows), columns=[spec.name])
        return _from_arrow(spec, table.column(spec.name))

    def find_rows(self, column: str, values: Collection[str]) -> list[int]:
        """Rows of the records that have one of these texts in a column."""
        wanted, found, start = pa.array(list(values), pa.string()), [], 0
        for batch in self.scan([column]) if values else ():
            inside = pc.is_in(batch.column(column), value_set=wanted)
            found += [start + int(i) for i in np.flatnonzero(np.asarray(inside))]
            start += batch.num_rows
        return found

    def latest_ids(self, uris: Collection[str]) -> dict[str, str]:
        """The id of the record of each of these files that is readable."""
        wanted, latest = pa.array(list(uris), pa.string()), dict[str, "str | None"]()
        for batch in self.scan_files(["uri", "id"]) if uris else ():
            here = batch.filter(pc.is_in(batch.column("uri"), value_set=wanted))
            latest.update(zip(here.column("uri").to_pylist(), here.column("id").to_pylist()))
        return {uri: one for uri, one in latest.items() if one is not None}


def records_of(specs: Sequence[DescriptorSpec], table: pa.Table | pa.RecordBatch) -> list[Record]:
    """The rows of a table with the columns of :func:`records_schema`, as records."""
    matrices = {
        spec.name: (
            _from_arrow(spec, table.column(spec.name)),
            _valid(table.column(spec.name)),
        )
        for spec in specs
    }
    plain = table.select([name for name in PLAIN if name in table.schema.names]).to_pylist()
    return [
        Record(
            **row,
            vectors={name: matrix[i] for name, (matrix, there) in matrices.items() if there[i]},
        )
        for i, row in enumerate(plain)
    ]


def created(directory: Path) -> datetime:
    """When the oldest version of the records that is kept was written, in local time."""
    versions = lance.dataset(directory / RECORDS).versions()
    written: datetime = min(version["timestamp"] for version in versions)
    return written


def _open(path: Path, version: int | None) -> Any:
    """The dataset; None if there is none, for example after a build that was killed early."""
    if version is None and not _committed(path):
        return None
    return lance.dataset(path, version=version)


def _committed(path: Path) -> bool:
    return any(path.glob("_versions/*.manifest"))


def _scan(dataset: Any, columns: Sequence[str], after: int = 0) -> Iterator[pa.RecordBatch]:
    if dataset is None or (after and after >= dataset.count_rows()):
        return
    yield from dataset.to_batches(
        columns=list(columns), batch_size=SCAN_ROWS, scan_in_order=True, offset=after or None
    )


def _column_type(spec: DescriptorSpec) -> pa.DataType:
    if spec.metric == "hamming":
        return pa.binary(spec.width)
    return pa.list_(pa.float16(), spec.width)


def _to_arrow(spec: DescriptorSpec, rows: Iterable[NDArray[Any] | None]) -> pa.Array:
    """Vectors as a column; None for a record without the descriptor."""
    listed = list(rows)
    if spec.metric == "hamming":
        return pa.array(
            [None if row is None else row.tobytes() for row in listed], _column_type(spec)
        )
    absent = np.array([row is None for row in listed])
    matrix = np.zeros((len(listed), spec.width), np.float16)
    if not absent.all():
        matrix[~absent] = np.stack([row for row in listed if row is not None])
    return pa.FixedSizeListArray.from_arrays(
        pa.array(matrix.reshape(-1)), type=_column_type(spec), mask=pa.array(absent)
    )


def _from_arrow(spec: DescriptorSpec, column: pa.Array | pa.ChunkedArray) -> NDArray[Any]:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    inside = slice(array.offset * spec.width, (array.offset + len(array)) * spec.width)
    if spec.metric == "hamming":
        stored = np.frombuffer(array.buffers()[1] or b"", np.uint8)[inside]
    else:
        stored = np.asarray(array.values)[inside].astype(np.float32)
    matrix = stored.reshape(-1, spec.width)
    if array.null_count:
        matrix = np.where(_valid(array)[:, None], matrix, np.zeros(1, matrix.dtype))
    return np.asarray(matrix)


def _valid(column: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(column), dtype=bool)
