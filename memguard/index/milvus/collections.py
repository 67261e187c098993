"""The Milvus collections of one index, ``PREFIX_NAME`` each.

Each descriptor has a collection that is searched; ``records`` holds the records by the same keys;
``documents`` holds named texts, such as the manifest and the calibration. In the oldest supported
server, 2.3, a collection has exactly one vector field, and no field holds bytes.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

from memguard._optional import require
from memguard.errors import IndexUnavailableError
from memguard.index.milvus.address import MilvusAddress

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10.0
"""Timeout of a call, after which the index is unavailable."""

SETUP_FACTOR = 6
"""Factor of the timeout for calls that create, load or flush a collection."""

TEXT_BYTES = 65_535
"""Size limit of a text field."""

MIN_INDEXED_ROWS = 1024
"""Rows below which Milvus does not index a segment and compares them all
(``minSegmentNumRowsToEnableIndex``)."""

POLL_SECONDS, REPORT_SECONDS = 1.0, 60.0
"""Intervals of polling an index that is being built, and of messages about it."""

ROWS_PER_CALL = 1_000
"""Rows queried or deleted in one call; the server's limit is 16,384 rows a query."""

Consistency = Literal["Eventually", "Strong"]
"""``Strong`` waits until the server has seen all earlier writes, 0.2 s by default; ``Eventually``
does not wait."""

Row = dict[str, Any]
Result = TypeVar("Result")


class Collections:
    """The collections at one address; every method raises as follows.

    Raises:
        IndexUnavailableError: the server cannot be reached, does not answer in time, or refuses.
    """

    def __init__(self, address: MilvusAddress) -> None:
        self.address = address
        pymilvus = require("pymilvus", extra="milvus")
        grpc = require("grpc", extra="milvus")
        self._types = pymilvus.DataType
        self._errors = (pymilvus.MilvusException, grpc.RpcError)
        with self._reaching():
            self._client: Any = pymilvus.MilvusClient(
                uri=address.server, token=address.token, timeout=TIMEOUT_SECONDS
            )

    def exists(self, name: str) -> bool:
        """Whether this collection exists."""
        with self._reaching():
            return bool(self._client.has_collection(self._full(name), timeout=TIMEOUT_SECONDS))

    def create(
        self, name: str, *, key: type[int] | type[str], vector: Row, ann: Row, texts: Sequence[str]
    ) -> None:
        """Create, index and load a collection; each step only if it is not done.

        Args:
            name: without the prefix.
            key: the type of the primary key, a field named ``key``.
            vector: ``bits`` or ``numbers``, its dimension.
            ann: ``index_type``, ``metric_type`` and ``params``, as Milvus calls them.
            texts: names of the text fields.
        """
        types, full, patience = self._types, self._full(name), TIMEOUT_SECONDS * SETUP_FACTOR
        ((kind, dimension),) = vector.items()
        vector_type = {"bits": types.BINARY_VECTOR, "numbers": types.FLOAT_VECTOR}[kind]
        with self._reaching():
            if not self._client.has_collection(full, timeout=TIMEOUT_SECONDS):
                schema = self._client.create_schema(auto_id=False, enable_dynamic_field=False)
                if key is int:
                    schema.add_field("key", types.INT64, is_primary=True)
                else:
                    schema.add_field("key", types.VARCHAR, is_primary=True, max_length=TEXT_BYTES)
                schema.add_field("vector", vector_type, dim=dimension)
                for text in texts:
                    schema.add_field(text, types.VARCHAR, max_length=TEXT_BYTES)
                self._client.create_collection(full, schema=schema, timeout=patience)
            if not self._client.list_indexes(full):
                index = self._client.prepare_index_params()
                index.add_index("vector", **ann)
                self._client.create_index(full, index, timeout=patience)
            self._client.load_collection(full, timeout=patience)

    def upsert(self, name: str, rows: Sequence[Row]) -> None:
        """Insert rows; those with the same keys are replaced."""
        if rows:
            with self._reaching():
                self._client.upsert(
                    self._full(name), list(rows), timeout=TIMEOUT_SECONDS * SETUP_FACTOR
                )

    def delete(self, name: str, keys: Sequence[int | str]) -> None:
        """Delete the rows with these keys."""
        for part in _parts(keys):
            with self._reaching():
                self._client.delete(self._full(name), ids=part, timeout=TIMEOUT_SECONDS)

    def get(
        self,
        name: str,
        keys: Sequence[int | str],
        fields: Sequence[str],
        consistency: Consistency = "Eventually",
    ) -> dict[Any, Row]:
        """The rows with these keys, by key; missing keys are absent."""
        found: dict[Any, Row] = {}
        for part in _parts(keys):
            with self._reaching():
                rows = self._client.query(
                    self._full(name),
                    ids=part,
                    output_fields=["key", *fields],
                    consistency_level=consistency,
                    timeout=TIMEOUT_SECONDS,
                )
            found.update((row["key"], row) for row in rows)
        return found

    def where(self, name: str, filter: str, fields: Sequence[str]) -> Iterator[Row]:
        """Every row that passes a filter, in no order; all rows pass an empty filter.

        Rows deleted a moment ago may still appear, unless :meth:`count` has waited: Milvus 2.3 does
        not give pymilvus's iterator its own time.
        """
        with self._reaching():
            pages = self._client.query_iterator(
                self._full(name),
                batch_size=ROWS_PER_CALL,
                filter=filter,
                output_fields=["key", *fields],
                consistency_level="Strong",
                timeout=TIMEOUT_SECONDS,
            )
            try:
                while page := pages.next():
                    yield from page
            finally:
                pages.close()

    def count(self, name: str) -> int:
        """The number of rows, all earlier writes included."""
        with self._reaching():
            rows = self._client.query(
                self._full(name),
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=TIMEOUT_SECONDS,
            )
        return int(rows[0]["count(*)"])

    def search(
        self, name: str, vectors: Sequence[Any], k: int, params: Mapping[str, int]
    ) -> list[list[tuple[int, float]]]:
        """Keys and scores of the nearest rows of each vector, nearest first."""
        with self._reaching():
            answers = self._client.search(
                self._full(name),
                list(vectors),
                limit=k,
                search_params={"params": dict(params)},
                consistency_level="Eventually",
                timeout=TIMEOUT_SECONDS,
            )
        return [[(int(hit["id"]), float(hit["distance"])) for hit in hits] for hits in answers]

    def flush(self, name: str) -> None:
        """Seal the rows written so far into segments, which are then indexed."""
        with self._reaching():
            self._client.flush(self._full(name), timeout=TIMEOUT_SECONDS * SETUP_FACTOR)

    def settle(self, name: str) -> None:
        """Wait, without a timeout, until all rows are indexed and the index is searched.

        Until then Milvus 2.3 searches only a part of the rows, by an interim index: it misses a
        quarter of VLAD's copies (``benchmarks/index/milvus.py``).
        """
        self.flush(name)
        started = reported = time.monotonic()
        while not self._is_settled(name):
            time.sleep(POLL_SECONDS)
            if time.monotonic() - reported >= REPORT_SECONDS:
                reported = time.monotonic()
                logger.warning(
                    "waiting for %s to index %s, %.0f s so far; if this is stopped, the same "
                    "command resumes it",
                    self.address,
                    name,
                    reported - started,
                )

    def _is_settled(self, name: str) -> bool:
        rows = self.count(name)
        if rows < MIN_INDEXED_ROWS:
            return True
        with self._reaching():
            waiting = self._client.describe_index(
                self._full(name), "vector", timeout=TIMEOUT_SECONDS
            )
            loaded = self._client.list_loaded_segments(self._full(name), timeout=TIMEOUT_SECONDS)
        searched = sum(
            one.num_rows for one in loaded if one.index_id or one.num_rows < MIN_INDEXED_ROWS
        )
        return not int(waiting["pending_index_rows"]) and searched >= rows

    def drop(self, name: str) -> None:
        """Delete a collection."""
        with self._reaching():
            self._client.drop_collection(self._full(name), timeout=TIMEOUT_SECONDS)

    @staticmethod
    def at_once(work: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        """Call a function with each collection's name, in threads."""
        names = list(names)
        with ThreadPoolExecutor(max(len(names), 1)) as pool:
            return list(pool.map(work, names))

    def _full(self, name: str) -> str:
        return f"{self.address.prefix}_{name}"

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except self._errors as error:
            reason = error.details() if hasattr(error, "details") else error
            raise IndexUnavailableError(
                f"Milvus at {self.address} does not answer as it should ({reason}); see whether "
                "the server runs and this address and its token are right"
            ) from error


def _parts(keys: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(keys), ROWS_PER_CALL):
        yield list(keys[start : start + ROWS_PER_CALL])
