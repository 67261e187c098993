"""Rows of a Parquet file, from any row on, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.parquet as pq

BATCH_ROWS = 64
"""Rows read at a time: few enough for columns of images."""


def rows_from(
    table: pq.ParquetFile, columns: Sequence[str], skipped: int, *, at_once: int = BATCH_ROWS
) -> Iterator[dict[str, Any]]:
    """The rows after the first ``skipped``, as dicts; row groups before those are not read.

    Args:
        table: the open file.
        columns: the columns to read.
        skipped: how many rows to skip.
        at_once: rows read at a time.
    """
    before = 0
    for group in range(table.num_row_groups):
        rows = table.metadata.row_group(group).num_rows
        if before + rows > skipped:
            for batch in table.iter_batches(at_once, row_groups=[group], columns=list(columns)):
                start = max(skipped - before, 0)
                if start < batch.num_rows:
                    yield from _plain(batch.slice(start), columns)
                before += batch.num_rows
        else:
            before += rows


def _plain(batch: Any, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    if not columns:
        yield from ({} for _ in range(batch.num_rows))
        return
    yield from batch.to_pylist()
