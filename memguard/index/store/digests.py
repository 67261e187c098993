"""Compact sets of 16-byte digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

DIGEST = 16
"""Bytes of a digest: of an id, or of a file in one state."""

SET_DIGESTS = 1 << 16
SET_SHARE = 1 / 16
"""New digests are kept in a ``set``, at 100 bytes each, up to this number or share of all."""


def id_digest(id: str) -> bytes:
    """The digest of a record's id, which is its hexadecimal form."""
    return bytes.fromhex(id)


def file_digest(uri: str, state: str) -> bytes:
    """The digest of a file in one state."""
    return hashlib.blake2b(f"{uri}\0{state}".encode(errors="replace"), digest_size=DIGEST).digest()


class Digests:
    """A growing set of digests, of 16 to 23 bytes each in memory.

    Args:
        first: digests that it holds already, of :func:`as_array`.
    """

    def __init__(self, first: NDArray[np.bytes_]) -> None:
        self._sorted: NDArray[np.bytes_] = np.sort(first)
        self._loose: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._sorted) + len(self._loose)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._loose or self._is_sorted_in(digest)

    def add(self, digest: bytes) -> None:
        if digest in self:
            return
        self._loose.add(digest)
        if len(self._loose) > max(SET_DIGESTS, SET_SHARE * len(self._sorted)):
            self._sorted = np.sort(np.concatenate([self._sorted, as_array(self._loose)]))
            self._loose = set()

    def _is_sorted_in(self, digest: bytes) -> bool:
        if not len(self._sorted):
            return False
        wanted = np.array(digest, f"S{DIGEST}")
        place = int(self._sorted.searchsorted(wanted))
        return place < len(self._sorted) and bool(self._sorted[place] == wanted)


def as_array(digests: Iterable[bytes]) -> NDArray[np.bytes_]:
    """Digests as numpy strings of DIGEST bytes, in the same order."""
    return np.frombuffer(b"".join(digests), f"S{DIGEST}")


def places(
    wanted: NDArray[np.bytes_], known: NDArray[np.bytes_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The place of each wanted digest in ``known``, and whether it is there."""
    order = np.argsort(known, kind="stable")
    found = np.minimum(np.searchsorted(known, wanted, sorter=order), max(len(known) - 1, 0))
    at = order[found] if len(known) else np.zeros(len(wanted), dtype=np.int64)
    there = known[at] == wanted if len(known) else np.zeros(len(wanted), dtype=bool)
    return np.asarray(at, dtype=np.int64), np.asarray(there, dtype=bool)
