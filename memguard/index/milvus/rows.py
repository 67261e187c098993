"""Records and documents as text fields of Milvus: JSON with base64 for bytes, split in parts."""

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
"""Text fields of a record. Four hold 260 KB; a thumbnail of black and white noise, the largest
possible, takes 240 KB. Most records take one."""

RECORD_TEXTS = ("id", "uri", "url", "pixels", "digest", *PARTS)
"""Text fields of the records' collection: four to filter by (``pixels`` is :data:`HAS_PIXELS` or
empty), a hash of the record, and the record."""

HAS_PIXELS = "yes"

STORED_AS = {"vectors": "rows", "exact_duplicates": "copies", "near_duplicates": "duplicates"}
"""Names in the stored JSON of fields that have another name here."""

BYTES = ("thumbnail", "features")
"""Fields that are stored as base64."""


def key_of(id: str) -> int:
    """A record's primary key: the first 63 bits of its id, which is a hash.

    Two of 10^8 records share a key with odds of 1 in 1,800, two of 10^9 with 1 in 18; a push then
    raises (:func:`memguard.index.milvus.push.write_records`).
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
    parts = split(text)
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
    """A descriptor's vector as Milvus stores it and searches for it."""
    return row.tobytes() if spec.metric == "hamming" else row.astype(np.float32)


def stored(spec: DescriptorSpec, row: NDArray[Any]) -> NDArray[Any]:
    """A descriptor's vectors with the precision of the index's tables."""
    return row if spec.metric == "hamming" else row.astype(np.float16)


def matrix(spec: DescriptorSpec, data: bytes) -> NDArray[Any]:
    """The inverse of :func:`stored` on its bytes: vectors, shape (n, width), for searches."""
    if spec.metric == "hamming":
        return np.frombuffer(data, np.uint8).reshape(-1, spec.width)
    return np.frombuffer(data, np.float16).reshape(-1, spec.width).astype(np.float32)


def split(text: str) -> list[str]:
    """Split an ASCII text to fit into fields; an empty text gives one empty part."""
    return [text[start : start + TEXT_BYTES] for start in range(0, len(text) or 1, TEXT_BYTES)]


def document_rows(data: bytes) -> tuple[str, list[Row]]:
    """A document's stored name, the hash of its bytes, and its rows."""
    name = hashlib.sha256(data).hexdigest()
    return name, [
        {"key": f"{name}/{number}", "vector": [0.0, 0.0], "text": part}
        for number, part in enumerate(split(_text(data)))
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
