"""The chain: each line is sealed, and names the seal of the line before it.

A line is a JSON object whose last key is ``seal``: the SHA-256 of the line without that key (or
the HMAC-SHA256 under a secret key), of the very bytes. ``number`` counts the lines of a log from 1,
over all of its files; ``previous`` is the seal of the line before, zeros for the first.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

FIRST = "0" * 64
"""What the first line names as the seal before it."""

SEALED = re.compile(rb'(\{.*),"seal":"([0-9a-f]{64})"\}', re.DOTALL)


def seal_of(body: bytes, key: bytes | None) -> str:
    """The SHA-256 of these bytes, or their HMAC-SHA256 under the key; hexadecimal."""
    if key is None:
        return hashlib.sha256(body).hexdigest()
    return hmac.new(key, body, hashlib.sha256).hexdigest()


def sealed(values: Mapping[str, Any], key: bytes | None) -> bytes:
    """A JSON object on one line, with its seal, without a newline.

    Raises:
        ValueError: a value is not JSON, or a number is not finite.
    """
    body = json.dumps(values, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    return body[:-1] + f',"seal":"{seal_of(body, key)}"}}'.encode()


def seal_in(line: bytes) -> str:
    """The seal that a line ends with; empty where it has none."""
    found = SEALED.fullmatch(line)
    return found[2].decode() if found else ""


def opened(line: bytes, key: bytes | None) -> dict[str, Any]:
    """The values of a sealed line, without its seal.

    Raises:
        ValueError: the seal does not fit the line.
    """
    found = SEALED.fullmatch(line)
    if found is None or not hmac.compare_digest(seal_of(found[1] + b"}", key), found[2].decode()):
        raise ValueError("its seal does not fit")
    values = json.loads(found[1] + b"}")
    if not isinstance(values, dict):
        raise ValueError("it is no JSON object")
    return values


@dataclass(frozen=True)
class Link:
    """A line's place in the chain.

    Attributes:
        number: from 1.
        seal: its own.
    """

    number: int
    seal: str


START = Link(0, FIRST)
"""The link before the first line."""


def chained(
    entries: Iterable[Mapping[str, Any]], after: Link, key: bytes | None
) -> tuple[bytes, Link]:
    """Lines for these entries, each with its newline, and the link of the last."""
    lines = []
    for entry in entries:
        line = sealed({"number": after.number + 1, **entry, "previous": after.seal}, key)
        after = Link(after.number + 1, seal_in(line))
        lines.append(line + b"\n")
    return b"".join(lines), after
