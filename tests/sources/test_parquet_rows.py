"""Rows of a Parquet file from any row on."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from memguard.sources.parquet_rows import BATCH_ROWS, rows_from

COUNT = 3 * BATCH_ROWS + 5


@pytest.mark.parametrize("group", [7, BATCH_ROWS, COUNT])
@pytest.mark.parametrize(
    "skipped", [0, 1, 6, 7, 8, BATCH_ROWS, BATCH_ROWS + 1, COUNT - 1, COUNT, COUNT + 9]
)
def test_no_row_is_left_out_or_given_twice(tmp_path: Path, group: int, skipped: int) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"n": list(range(COUNT)), "other": ["x"] * COUNT})
    pq.write_table(table, path, row_group_size=group)
    with pq.ParquetFile(path) as file:
        rows = list(rows_from(file, ["n"], skipped))
        assert rows == [{"n": n} for n in range(skipped, COUNT)]
        assert list(rows_from(file, [], skipped)) == [{}] * max(COUNT - skipped, 0)
