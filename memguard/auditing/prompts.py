"""Where an audit's prompts come from: a file, or the captions of the most duplicated images."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable
from pathlib import Path

from memguard.auditing.references import duplicates_of, records_of
from memguard.errors import ConfigurationError
from memguard.index import Index

PROMPT_COLUMNS = ("prompt", "caption", "text")
"""Columns that hold prompts where none is named; the first one found is read."""

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")


def read_prompts(path: Path, column: str | None = None) -> list[str]:
    """The distinct prompts in a file, in its order, without blank ones.

    Args:
        path: a CSV, TSV or Parquet table, or a text file with one prompt per line.
        column: of a table; by default its only one, or the first of :data:`PROMPT_COLUMNS`.

    Raises:
        ConfigurationError: the file cannot be read, lacks the column, or holds no prompt.
    """
    if column is not None and path.suffix.lower() not in TABLE_SUFFIXES:
        raise ConfigurationError(f"{path} is plain text, which has no column {column!r}")
    try:
        if path.suffix.lower() == ".parquet":
            values: Iterable[str | None] = _parquet(path, column)
        elif path.suffix.lower() in TABLE_SUFFIXES:
            values = _delimited(path, column)
        else:
            values = path.read_text(encoding="utf-8-sig").splitlines()
        prompts = _distinct(values)
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{path} cannot be read: {reason}") from error
    if not prompts:
        raise ConfigurationError(f"{path} holds no prompts")
    return prompts


def duplicated_captions(index: Index, count: int) -> list[str]:
    """The captions of the most duplicated training images, most duplicated first.

    Images are mostly memorized because they are duplicated; the prompts of Carlini et al. are the
    captions of the most duplicated images.

    Args:
        index: of the training set.
        count: the largest number of captions.

    Raises:
        ConfigurationError: no reference has a caption.
    """
    ranked = [
        (-duplicates_of(record), number, record.caption)
        for number, record in enumerate(itertools.chain.from_iterable(records_of(index)))
        if record.caption
    ]
    captions = _distinct(caption for _, _, caption in sorted(ranked))[:count]
    if not captions:
        raise ConfigurationError(
            f"no image of {index} has a caption; give prompts in a file (--prompts FILE)"
        )
    return captions


def _distinct(values: Iterable[str | None]) -> list[str]:
    stripped = (value.strip() for value in values if value is not None)
    return list(dict.fromkeys(value for value in stripped if value))


def _delimited(path: Path, column: str | None) -> list[str | None]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        name = _column(path, list(rows.fieldnames or ()), column)
        return [row[name] for row in rows]


def _parquet(path: Path, column: str | None) -> list[str | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    name = _column(path, pq.read_schema(path).names, column)
    values = pq.read_table(path, columns=[name]).column(name)
    if not (pa.types.is_string(values.type) or pa.types.is_large_string(values.type)):
        raise ConfigurationError(f"the column {name!r} of {path} holds {values.type}, not text")
    return list(values.to_pylist())


def _column(path: Path, names: list[str], wanted: str | None) -> str:
    if wanted is None:
        known = names if len(names) == 1 else [name for name in PROMPT_COLUMNS if name in names]
        if known:
            return known[0]
    elif wanted in names:
        return wanted
    problem = "name one of them" if wanted is None else f"there is no {wanted!r}"
    raise ConfigurationError(f"{path} has the columns {', '.join(names) or '(none)'}: {problem}")
