"""Records and documents as the text fields of Milvus: JSON, bytes in it as base64, cut in parts."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import BuildError
from memguard.index.milvus.collections import TEXT_BYTES, Row
from memguard.index.record import Record

PARTS = tuple(f"part_{number}" for number in range(4))
"""Text fields of a record. Four hold 260 KB; an image of black and white noise, whose thumbnail is
the largest that there can be, takes 240 KB. Most take one."""

RECORD_TEXTS = ("id", "uri", "url", "pixels", "digest", *PARTS)
"""Text fields of the records' collection: what records are looked for by (``pixels`` is
:data:`HAS_PIXELS` or empty), a hash of the record, and the record."""

HAS_PIXELS = "yes"

STORED_AS = {"vectors": "rows", "exact_duplicates": "copies", "near_duplicates": "duplicates"}
"""Fields of a record that the stored JSON calls otherwise."""

BYTES = ("thumbnail", "features")
"""Fields of a record that JSON cannot hold as they are."""


def key_of(id: str) -> int:
    """A record's primary key: the first 63 bits of its id, which is a hash.

    Two of 10^8 records share a key with odds of 1 in 1,800, two of 10^9 with 1 in 18; then the
    later one is refused, not lost in silence (:mod:`memguard.index.milvus.push`).
    """
    return int(id[:16], 16) >> 1


def record_row(record: Record, specs: Sequence[DescriptorSpec]) -> Row:
    """A record as a row of the records' collection.

    Raises:
        BuildError: it is too large for Milvus.
    """
    plain = {
        STORED_AS.get(field.name, field.name): getattr(record, field.name)
        for field in dataclasses.fields(record)
    }
    plain |= {name: _text(plain[name]) for name in BYTES if plain[name] is not None}
    plain["rows"] = {
        spec.name: _text(stored(spec, record.vectors[spec.name]).tobytes())
        for spec in specs
        if spec.name in record.vectors
    }
    text = json.dumps(plain)
    parts = cut(text)
    if len(parts) > len(PARTS):
        raise BuildError(f"{record.uri} has a record of more than 260 KB, too large for Milvus")
    return {
        "key": key_of(record.id),
        "vector": [0.0, 0.0],
        "id": record.id,
        "uri": record.uri,
        "url": record.url or "",
        "pixels": HAS_PIXELS if record.has_pixels else "",
        "digest": hashlib.sha256(text.encode("ascii")).hexdigest(),
        **dict(zip(PARTS, parts + [""] * (len(PARTS) - len(parts)))),
    }


def record_of(row: Row, specs: Sequence[DescriptorSpec]) -> Record:
    """The inverse of :func:`record_row`."""
    plain: dict[str, Any] = json.loads("".join(row[part] for part in PARTS))
    plain |= {name: base64.b64decode(plain[name]) for name in BYTES if plain[name] is not None}
    rows = {name: base64.b64decode(row) for name, row in plain.pop("rows").items()}
    vectors = {spec.name: matrix(spec, rows[spec.name])[0] for spec in specs if spec.name in rows}
    plain |= {field: plain.pop(key) for field, key in STORED_AS.items() if key in plain}
    return Record(**plain, vectors=vectors)


def vector(spec: DescriptorSpec, row: NDArray[Any]) -> Any:
    """A descriptor's row as Milvus takes it, for a collection and for a query alike."""
    return row.tobytes() if spec.metric == "hamming" else row.astype(np.float32)


def stored(spec: DescriptorSpec, row: NDArray[Any]) -> NDArray[Any]:
    """A descriptor's rows with the precision of the index's own tables."""
    return row if spec.metric == "hamming" else row.astype(np.float16)


def matrix(spec: DescriptorSpec, data: bytes) -> NDArray[Any]:
    """The rows whose bytes :func:`stored` gives, shape (n, width), as searches take them."""
    if spec.metric == "hamming":
        return np.frombuffer(data, np.uint8).reshape(-1, spec.width)
    return np.frombuffer(data, np.float16).reshape(-1, spec.width).astype(np.float32)


def cut(text: str) -> list[str]:
    """An ASCII text in parts that fit a field; one empty part for an empty text."""
    return [text[start : start + TEXT_BYTES] for start in range(0, len(text) or 1, TEXT_BYTES)]


def document_rows(data: bytes) -> tuple[str, list[Row]]:
    """A document's name, which is the hash of its bytes, and its rows."""
    name = hashlib.sha256(data).hexdigest()
    return name, [
        {"key": f"{name}/{number}", "vector": [0.0, 0.0], "text": part}
        for number, part in enumerate(cut(_text(data)))
    ]


def document_of(name: str, rows: Sequence[Row]) -> bytes:
    """The document's bytes.

    Raises:
        ValueError: rows are missing or damaged.
    """
    data = base64.b64decode("".join(row["text"] for row in rows))
    if hashlib.sha256(data).hexdigest() != name:
        raise ValueError("a document is damaged")
    return data


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
