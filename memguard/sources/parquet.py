"""Parquet files with a column of encoded images."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from memguard.errors import ConfigurationError, UnreadableImageError
from memguard.sources.base import BrokenItem, Item, Place
from memguard.sources.cursor import UNREADABLE, Position, files_below, parts
from memguard.sources.folder import SUFFIXES
from memguard.sources.items import is_image, item_of
from memguard.sources.metadata import Columns
from memguard.sources.parquet_rows import rows_from

PROBED_ROWS = 16
"""Values of a binary column that are tried as images."""


class Parquet:
    """The images of a Parquet file, or of all Parquet files below a folder.

    The image column is the one in the ``huggingface`` schema metadata, a struct of ``bytes`` and
    ``path``, or a binary column whose first values are images.

    Args:
        where: a ``.parquet`` file or a folder.
        image, caption, rights: columns to use instead of those found by type or usual name.

    Raises:
        ConfigurationError: there is no file, no image column, or no column of a given name.
    """

    reads: ClassVar[str] = "a .parquet file with a column of images, or a folder of them"

    @classmethod
    def recognises(cls, place: Place) -> bool:
        inside = place.suffixes_inside
        return place.suffix == ".parquet" or (".parquet" in inside and not inside & SUFFIXES)

    def __init__(
        self,
        where: str | os.PathLike[str],
        *,
        image: str | None = None,
        caption: str | None = None,
        rights: str | None = None,
    ) -> None:
        self.where = Path(where).resolve()
        self.options = {"caption": caption, "rights": rights}
        self.image = image
        self._files = files_below(self.where, (".parquet",))
        if not any(file.is_file() for file in self._files):
            raise ConfigurationError(f"there is no Parquet file at {where}")
        for file in self._files:
            try:
                with pq.ParquetFile(file) as table:
                    self._columns(table)
                return
            except (OSError, pa.ArrowException):
                continue  # a damaged file is listed by the iteration

    @property
    def name(self) -> str:
        return f"parquet {self.where}"

    def size(self) -> int:
        return self._rows

    def iterate(self, after: str | None = None) -> Iterator[Item]:
        for file, begin in parts(self._files, after):
            try:
                with pq.ParquetFile(file) as table:
                    yield from self._items(table, file, begin)
            except OSError as error:
                yield BrokenItem(uri=str(file), state=UNREADABLE, error=error)
            except (pa.ArrowException, ConfigurationError) as error:
                reason = UnreadableImageError(str(error))
                yield BrokenItem(uri=str(file), state=begin.state, error=reason)

    def _items(self, table: pq.ParquetFile, file: Path, begin: Position) -> Iterator[Item]:
        image, columns = self._columns(table)
        used = list(dict.fromkeys([image, *columns.names]))
        for row, cells in enumerate(rows_from(table, used, begin.done), begin.done):
            yield item_of(
                cells[image],
                uri=f"{file}#{row}",
                state=begin.state,
                position=str(begin.at(row + 1)),
                again=begin.again,
                **columns.described(cells),
            )

    def _columns(self, table: pq.ParquetFile) -> tuple[str, Columns]:
        schema = table.schema_arrow
        image = self.image or image_column(table)
        if image is None or image not in schema.names:
            raise ConfigurationError(
                f"{self.where} has no column {self.image or 'of images'}; its columns are "
                + ", ".join(f"{field.name} ({field.type})" for field in schema)
                + ": name one by --option image=NAME, in Python image="
            )
        others = [name for name in schema.names if name != image]
        return image, Columns.among(others, **self.options)

    @cached_property
    def _rows(self) -> int:
        rows = 0
        for file in self._files:
            try:
                rows += pq.read_metadata(file).num_rows
            except (OSError, pa.ArrowException):
                rows += 1
        return rows


def image_column(table: pq.ParquetFile) -> str | None:
    """The column of images, by Hugging Face's metadata, by its type, or by its first values."""
    schema = table.schema_arrow
    metadata = (schema.metadata or {}).get(b"huggingface", b"{}")
    try:
        features = json.loads(metadata).get("info", {}).get("features", {})
    except ValueError:
        features = {}
    for name, feature in features.items():
        if isinstance(feature, dict) and feature.get("_type") == "Image":
            return str(name)
    for field in schema:
        if pa.types.is_struct(field.type):
            names = {field.type.field(i).name for i in range(field.type.num_fields)}
            if {"bytes", "path"} <= names:
                return str(field.name)
    return _column_of_images(table)


def _column_of_images(table: pq.ParquetFile) -> str | None:
    binary = [
        field.name
        for field in table.schema_arrow
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
    ]
    first: list[dict[str, Any]] = []
    if binary:
        first = next(
            (batch.to_pylist() for batch in table.iter_batches(PROBED_ROWS, columns=binary)), []
        )
    for name in binary:
        values = [row[name] for row in first if row[name]]
        if any(is_image(value) for value in values):
            return str(name)
    return None
