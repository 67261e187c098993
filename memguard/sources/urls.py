"""Images by address: a list of URLs, object-store URIs or paths, read through ``fsspec``."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources.base import BrokenItem, Item, Place
from memguard.sources.cursor import Position, file_state, parts
from memguard.sources.items import FileItem, UrlItem
from memguard.sources.metadata import URLS, Columns
from memguard.sources.parquet import image_column
from memguard.sources.parquet_rows import rows_from

FILE = "file://"

ADDRESS = "address"
"""The only column of a plain list."""

LISTED = "listed"
"""The state of every address: it is not read again once it was read."""

ADDRESSES = (*URLS, "uri", "path", "file", "filename", "image_path", "image")
"""Columns that hold addresses, in order of preference."""

TABLES = {".csv": ",", ".tsv": "\t"}
"""Suffixes of lists with a header, and the separator of their columns."""


class Urls:
    """The images of a list: a text file with an address per line, or a table of addresses.

    An address is anything that ``fsspec`` reads (``https://``, ``s3://``, ``gs://``, ``memory://``
    ...), or a path relative to the list's folder. An address is read once; only files are read
    again when they change. The next build retries addresses that could not be reached.

    Args:
        where: a ``.txt``, ``.csv``, ``.tsv`` or ``.parquet`` file.
        column: the column of addresses, else the first of :data:`ADDRESSES`.
        caption, rights: columns to use instead of those with usual names.

    Raises:
        ConfigurationError: there is no such file or column, or it is not a Parquet file.
    """

    reads: ClassVar[str] = (
        "a .txt, .csv or .tsv list of URLs, object-store URIs or paths; a .parquet with a column "
        "of them"
    )

    @classmethod
    def recognises(cls, place: Place) -> bool:
        if place.suffix == ".parquet":
            return "column" in place.options or lists_addresses(place.path)
        return place.suffix == ".txt" or place.suffix in TABLES

    def __init__(
        self,
        where: str | os.PathLike[str],
        *,
        column: str | None = None,
        caption: str | None = None,
        rights: str | None = None,
    ) -> None:
        self.where = Path(where).resolve()
        if not self.where.is_file():
            raise ConfigurationError(f"there is no list at {where}")
        self._column, self._columns = None, Columns.among([])
        names = _column_names(self.where)
        if names is not None:
            self._column = _column_of_addresses(names, column, self.where)
            self._columns = Columns.among(names, caption=caption, rights=rights)

    @property
    def name(self) -> str:
        return f"urls {self.where}"

    def size(self) -> int | None:
        if self.where.suffix.lower() == ".parquet":
            return int(pq.read_metadata(self.where).num_rows)
        return None

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        for _, begin in parts([self.where], after):
            try:
                yield from self._items(begin)
            except (csv.Error, pa.ArrowException) as error:
                reason = UnreadableImageError(f"the list is damaged: {error}")
                yield BrokenItem(uri=str(self.where), state=begin.state, error=reason)

    def _items(self, begin: Position) -> Iterator[Item]:
        for number, row in enumerate(self._rows(begin.done), begin.done + 1):
            address = str(row.get(self._column or ADDRESS) or "").strip()
            if address and not address.startswith("#"):
                yield self._item(address, row, str(begin.at(number)))

    def _item(self, address: str, row: Mapping[str, Any], position: str) -> Item:
        metadata = self._columns.described(row)
        if "://" in address and not address.startswith(FILE):
            shared = {**metadata, "url": address} if address.startswith("http") else metadata
            return UrlItem(uri=address, state=LISTED, position=position, address=address, **shared)
        path = (self.where.parent / address.removeprefix(FILE)).resolve()
        return FileItem(
            uri=str(path), state=file_state(path), position=position, path=path, **metadata
        )

    def _rows(self, skipped: int) -> Iterator[Mapping[str, Any]]:
        suffix = self.where.suffix.lower()
        if suffix == ".parquet":
            used = list(dict.fromkeys([str(self._column), *self._columns.names]))
            with pq.ParquetFile(self.where) as table:
                yield from rows_from(table, used, skipped)
            return
        with self.where.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            rows: Iterator[Mapping[str, Any]] = (
                csv.DictReader(lines, delimiter=TABLES[suffix])
                if suffix in TABLES
                else ({ADDRESS: line} for line in lines)
            )
            yield from itertools.islice(rows, skipped, None)


def lists_addresses(path: Path) -> bool:
    """Whether a Parquet file has a column of addresses and none of images."""
    try:
        with pq.ParquetFile(path) as table:
            names = {name.casefold() for name in table.schema_arrow.names}
            return not names.isdisjoint(ADDRESSES) and image_column(table) is None
    except (OSError, pa.ArrowException):
        return False


def _column_names(path: Path) -> list[str] | None:
    """The columns of a table; None for a plain list."""
    if path.suffix.lower() == ".parquet":
        try:
            return list(pq.read_schema(path).names)
        except (OSError, pa.ArrowException) as error:
            raise ConfigurationError(f"{path} is not a Parquet file: {error}") from error
    if path.suffix.lower() not in TABLES:
        return None
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        return next(csv.reader(lines, delimiter=TABLES[path.suffix.lower()]), [])


def _column_of_addresses(names: Sequence[str], column: str | None, path: Path) -> str:
    known = {name.casefold(): name for name in reversed(names)}
    for name in (column.casefold(),) if column else ADDRESSES:
        if name in known:
            return known[name]
    raise ConfigurationError(
        f"{path} has no column {column or 'of addresses'}; its columns are {', '.join(names)}: "
        "name one by --option column=NAME, in Python column="
    )
