"""Choosing each descriptor's kind of FAISS index, by the number of vectors and by memory.

Exact while a scan takes a few milliseconds. Beyond, inverted lists: a vector goes to the list of
its nearest centroid, and a search probes a few lists only. There a component takes two bits
(product quantization, Jegou et al. 2011, packed for fast scans as by Andre et al. 2015), or a byte
where FAISS cannot hold those. With less memory it takes one bit (RaBitQ, Gao and Long 2024,
arXiv:2405.12497) of fewer and fewer principal components. Candidates by such codes are reranked
from a file that need not be in memory (:mod:`memguard.index.ann.rerank`).

In high dimensions, such as VLAD's, copies are far from their references, and inverted lists lose
them. There a bit of each principal component is scanned instead, 100,000 vectors a millisecond.
`benchmarks/index` compares these kinds with two that are not used: HNSW, and RaBitQ for scans,
which finds no more in half as much time again.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from memguard.descriptors.base import DescriptorSpec
from memguard.errors import ConfigurationError

logger = logging.getLogger(__name__)

EXACT_BYTES = 64 << 20
"""Float vectors up to this size are scanned: about 10 ms of one core (`benchmarks/index`)."""

EXACT_HASH_BYTES = 4 << 20
"""Hashes up to this size are scanned: about 0.5 ms of one core. With 10^6 hashes of 256 bits,
inverted lists take 0.3 ms and a scan 3 (`benchmarks/index`)."""

MIN_VECTORS_FOR_INVERTED_LISTS = 10_000
"""Fewer vectors stay exact, however little memory there is."""

MAX_INVERTED_LISTS = 1 << 14
"""Clustering for more centroids takes hours."""

MAX_WIDTH_FOR_INVERTED_LISTS = 1024
"""Vectors of more components are not searched in inverted lists while a scan of bits is quick."""

SCANNED_CODE_BYTES = 256 << 20
"""Codes up to this size are scanned: about 20 ms of one core (`benchmarks/index`)."""

PACKED_CODE_BYTES = 1 << 30
"""Codes packed for fast scans take up to this size in memory: FAISS neither maps them nor merges
them on disk."""

PRINCIPAL_COMPONENTS = (1024, 512, 256, 128)
"""How many components keep a bit, in order of preference."""

ROW_ID_BYTES = 8
RABITQ_FACTOR_BYTES = 8
"""What RaBitQ stores of a vector in addition to its bits."""

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
BINARY_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*", re.IGNORECASE)


@dataclass(frozen=True)
class AnnChoice:
    """The kind of index for one descriptor, and its search settings; kept in the manifest.

    Attributes:
        kind: a FAISS factory string, of ``index_binary_factory`` for hashes.
        bytes: size of what FAISS searches; an estimate until it is written.
        nprobe: inverted lists that a search probes; 0 for an index without.
        candidates: vectors that are reranked for a query; 0 where FAISS's own distances are exact
            or good enough (:attr:`nearly_exact`).
        recall: of simulated copies whose reference an exact search finds, the share whose
            reference this index finds; None for an exact index, or where there were no copies.
    """

    kind: str
    bytes: int
    nprobe: int = 0
    candidates: int = 0
    recall: float | None = None

    @property
    def exact(self) -> bool:
        """Whether a search scans all vectors, uncompressed."""
        return not self.uses_inverted_lists and not self.packed

    @property
    def nearly_exact(self) -> bool:
        """Whether a component takes a byte: FAISS's distances are off by less than 0.01, and its
        nearest neighbours are the true ones, for vectors in the range that it was trained on."""
        return "SQ8" in self.kind

    @property
    def uses_inverted_lists(self) -> bool:
        """Whether a search looks at a part of the vectors only."""
        return "IVF" in self.kind

    @property
    def packed(self) -> bool:
        """Whether codes are packed for fast scans, from which FAISS cannot exclude rows."""
        return self.kind.endswith("fs")


def plan(
    specs: Sequence[DescriptorSpec], count: int, memory: int | None = None
) -> dict[str, AnnChoice]:
    """Choose the best kinds that fit in memory together; log a warning if none do.

    Args:
        specs: the descriptors of an index.
        count: vectors of each.
        memory: bytes that a search of all descriptors may occupy; None for no limit.

    Returns:
        Descriptor name to choice, not yet tuned.
    """
    ladders = {spec.name: _ladder(spec, count) for spec in specs}
    while memory is not None and sum(ladder[0].bytes for ladder in ladders.values()) > memory:
        reducible = [name for name, ladder in ladders.items() if len(ladder) > 1]
        if not reducible:
            logger.warning(
                "the smallest FAISS files for %d rows take %.1f GB, more than --memory allows; "
                "they will be read from disk, slowly",
                count,
                sum(ladder[0].bytes for ladder in ladders.values()) / 1e9,
            )
            break
        ladders[max(reducible, key=lambda name: ladders[name][0].bytes)].pop(0)
    return {name: ladder[0] for name, ladder in ladders.items()}


def _ladder(spec: DescriptorSpec, count: int) -> list[AnnChoice]:
    """The kinds for one descriptor, the best first and the smallest last."""
    if spec.metric == "hamming":
        size = count * spec.width
        if size <= EXACT_HASH_BYTES:
            return [AnnChoice("BFlat", size)]
        lists = inverted_list_count(count)
        return [AnnChoice(f"BIVF{lists}", size + count * ROW_ID_BYTES + lists * spec.width)]
    size = count * 2 * spec.width
    exact = [AnnChoice("SQfp16", size)] if size <= EXACT_BYTES else []
    smaller = [choice for choice in _compressed(spec.width, count) if choice.bytes < size]
    enough = count >= MIN_VECTORS_FOR_INVERTED_LISTS
    return exact + smaller if enough else [AnnChoice("SQfp16", size)]


def _compressed(width: int, count: int) -> list[AnnChoice]:
    kept = list(dict.fromkeys(min(width, components) for components in PRINCIPAL_COMPONENTS))
    scanned = [n for n in kept if count * n // 8 <= SCANNED_CODE_BYTES]
    if width > MAX_WIDTH_FOR_INVERTED_LISTS and scanned:
        return [
            AnnChoice(f"PCAR{n},PQ{n // 4}x4fs", count * n // 8 + 4 * n * width) for n in scanned
        ]
    lists = inverted_list_count(count)
    centroids = 4 * width * lists
    bytewise = AnnChoice(f"IVF{lists},SQ8", count * (width + ROW_ID_BYTES) + centroids)
    packed = AnnChoice(
        f"IVF{lists},PQ{width // 2}x4fs", count * (width // 4 + ROW_ID_BYTES) + centroids
    )
    fine = packed if width % 2 == 0 and packed.bytes <= PACKED_CODE_BYTES else bytewise
    return [fine] * (width <= MAX_WIDTH_FOR_INVERTED_LISTS) + [
        AnnChoice(
            f"PCAR{n},IVF{lists},RaBitQ",
            count * (math.ceil(n / 8) + RABITQ_FACTOR_BYTES + ROW_ID_BYTES)
            + 4 * n * (lists + width),
        )
        for n in kept
    ]


def inverted_list_count(count: int) -> int:
    """How many inverted lists: about twice the root of the number of vectors, a power of two.

    FAISS's guidelines (https://github.com/facebookresearch/faiss/wiki) say 4 to 16 times the root.
    With few lists probed, half as many cost a search no more, and a build a quarter.
    """
    return int(min(MAX_INVERTED_LISTS, 2 ** round(math.log2(2 * math.sqrt(count)))))


def size_in_bytes(text: str | int) -> int:
    """``4GB`` -> 4,000,000,000; ``4GiB`` -> 4 * 2^30; a bare number is bytes.

    Raises:
        ConfigurationError: not a size above 0.
    """
    found = SIZE.fullmatch(str(text))
    if found is None or not float(found[1]):
        raise ConfigurationError(f"{text!r} is no size; write one like 500MB or 4GB")
    units = BINARY_UNITS if found[3] else UNITS
    return int(float(found[1]) * units[found[2].lower()])
