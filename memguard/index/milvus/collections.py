"""The Milvus collections that are one index: ``PREFIX_NAME`` for each name.

One collection for each descriptor is searched; ``records`` holds the records by the same keys;
``documents`` holds named texts, among them the manifest and the calibration. The oldest server
that this works with, 2.3, has one vector field a collection, cannot do without one, and has no
field for bytes.
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

SECONDS = 10.0
"""How long a call waits for the server before the index counts as unavailable."""

SETTING_UP = 6
"""Times longer: calls that create, load or flush a collection."""

TEXT_BYTES = 65_535
"""The most that one text field holds."""

FEWEST_INDEXED = 1024
"""Rows of a segment below which Milvus makes no index and compares them all
(``minSegmentNumRowsToEnableIndex``)."""

LOOKED_AFTER, TOLD_AFTER = 1.0, 60.0
"""Seconds between looks at an index that is being made, and between messages about it."""

MOST_ROWS = 1_000
"""Rows asked for or deleted in one call; the server's own limit is 16,384 rows a query."""

Consistency = Literal["Eventually", "Strong"]
"""``Strong`` waits until the server knows of everything up to now, 0.2 s by its default;
``Eventually`` answers at once."""

Row = dict[str, Any]
Result = TypeVar("Result")


class Collections:
    """The collections behind one address. Every method raises as follows, and waits no longer.

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
                uri=address.server, token=address.token, timeout=SECONDS
            )

    def exists(self, name: str) -> bool:
        """Whether this collection is there."""
        with self._reaching():
            return bool(self._client.has_collection(self._full(name), timeout=SECONDS))

    def create(
        self, name: str, *, key: type[int] | type[str], vector: Row, ann: Row, texts: Sequence[str]
    ) -> None:
        """Create, index and load a collection, as far as it is not yet.

        Args:
            name: without the prefix.
            key: the type of the primary key, a field named ``key``.
            vector: ``bits`` or ``numbers``, its dimension.
            ann: ``index_type``, ``metric_type`` and ``params``, as Milvus calls them.
            texts: names of the text fields.
        """
        types, full, patience = self._types, self._full(name), SECONDS * SETTING_UP
        ((kind, dimension),) = vector.items()
        vector_type = {"bits": types.BINARY_VECTOR, "numbers": types.FLOAT_VECTOR}[kind]
        with self._reaching():
            if not self._client.has_collection(full, timeout=SECONDS):
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
        """Put rows in place, over those with the same keys."""
        if rows:
            with self._reaching():
                self._client.upsert(self._full(name), list(rows), timeout=SECONDS * SETTING_UP)

    def delete(self, name: str, keys: Sequence[int | str]) -> None:
        """Take the rows with these keys away."""
        for part in _parts(keys):
            with self._reaching():
                self._client.delete(self._full(name), ids=part, timeout=SECONDS)

    def get(
        self,
        name: str,
        keys: Sequence[int | str],
        fields: Sequence[str],
        consistency: Consistency = "Eventually",
    ) -> dict[Any, Row]:
        """The rows with these keys, by key; those that are not there are left out."""
        found: dict[Any, Row] = {}
        for part in _parts(keys):
            with self._reaching():
                rows = self._client.query(
                    self._full(name),
                    ids=part,
                    output_fields=["key", *fields],
                    consistency_level=consistency,
                    timeout=SECONDS,
                )
            found.update((row["key"], row) for row in rows)
        return found

    def where(self, name: str, filter: str, fields: Sequence[str]) -> Iterator[Row]:
        """Every row that a filter lets through, in no order; an empty filter lets all through."""
        with self._reaching():
            pages = self._client.query_iterator(
                self._full(name),
                batch_size=MOST_ROWS,
                filter=filter,
                output_fields=["key", *fields],
                consistency_level="Strong",
                timeout=SECONDS,
            )
            try:
                while page := pages.next():
                    yield from page
            finally:
                pages.close()

    def count(self, name: str) -> int:
        """How many rows a collection has, those of the last moment included."""
        with self._reaching():
            rows = self._client.query(
                self._full(name),
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=SECONDS,
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
                timeout=SECONDS,
            )
        return [[(int(hit["id"]), float(hit["distance"])) for hit in hits] for hits in answers]

    def flush(self, name: str) -> None:
        """Have what was written become segments that are indexed."""
        with self._reaching():
            self._client.flush(self._full(name), timeout=SECONDS * SETTING_UP)

    def settle(self, name: str) -> None:
        """Wait until all rows are indexed and the index is searched, however long that takes.

        Until then Milvus 2.3 looks at a part of the rows only, by an index of its own: of VLAD's
        copies it misses a quarter (``benchmarks/index_milvus.py``).
        """
        self.flush(name)
        started = told = time.monotonic()
        while not self._is_settled(name):
            time.sleep(LOOKED_AFTER)
            if time.monotonic() - told >= TOLD_AFTER:
                told = time.monotonic()
                logger.warning(
                    "waiting for %s to index %s, %.0f s by now; if this is stopped, the same "
                    "command resumes it",
                    self.address,
                    name,
                    told - started,
                )

    def _is_settled(self, name: str) -> bool:
        rows = self.count(name)
        if rows < FEWEST_INDEXED:
            return True
        with self._reaching():
            waiting = self._client.describe_index(self._full(name), "vector", timeout=SECONDS)
            loaded = self._client.list_loaded_segments(self._full(name), timeout=SECONDS)
        searched = sum(
            one.num_rows for one in loaded if one.index_id or one.num_rows < FEWEST_INDEXED
        )
        return not int(waiting["pending_index_rows"]) and searched >= rows

    def drop(self, name: str) -> None:
        """Take a collection away."""
        with self._reaching():
            self._client.drop_collection(self._full(name), timeout=SECONDS)

    @staticmethod
    def at_once(work: Callable[[str], Result], names: Iterable[str]) -> list[Result]:
        """The same call for several collections, waiting for all of them at the same time."""
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
    for start in range(0, len(keys), MOST_ROWS):
        yield list(keys[start : start + MOST_ROWS])
