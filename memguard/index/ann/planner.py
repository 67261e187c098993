"""Which FAISS index for which descriptor: by how many rows there are, and by the memory to be had.

Exact while a scan takes a few milliseconds. Beyond, an inverted file: rows fall into lists by
their nearest centroid, and a search looks into a few lists only. There a component takes two bits
(product quantization, Jegou et al. 2011, packed for fast scans as by Andre et al. 2015), or a byte
where FAISS cannot hold those; with less memory, a bit (RaBitQ, Gao and Long 2024,
arXiv:2405.12497) of ever fewer principal components. The rows that are nearest by such codes are
compared again, from a file that memory need not hold (:mod:`memguard.index.ann.rerank`).

Copies are far from their references in long rows, such as VLAD's, so that lists lose them: a bit
of each principal component is scanned instead, 100,000 rows a millisecond. `benchmarks/index.py`
compares these with what was left out: HNSW, and RaBitQ for scans, which finds no more in half as
much time again.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

from memguard.descriptors.base import DescriptorSpec

logger = logging.getLogger(__name__)

EXACT_BYTES = 64 << 20
"""Rows of up to this size are scanned: about 10 ms of one core."""

EXACT_HASH_BYTES = 4 << 20
"""Hashes of up to this size are scanned: about half a millisecond of one core. Lists take 0.3 ms
at 10^6 of 256 bits, and a scan 3."""

FEWEST_FOR_LISTS = 10_000
"""Fewer rows stay exact, however little memory there is."""

MOST_LISTS = 1 << 14
"""Finding the centroids of more takes hours."""

LONGEST = 1024
"""Rows of more components are not searched in lists while a scan of their bits is quick."""

SCANNED_BYTES = 256 << 20
"""Bits of up to this size are scanned: about 20 ms of one core."""

HELD_BYTES = 1 << 30
"""Codes packed for fast scans, which FAISS neither maps nor merges on disk, take up to this size
in memory."""

BIT_COMPONENTS = (1024, 512, 256, 128)
"""Principal components of which a bit is kept, the best first."""

POSITION_BYTES = 8
RABITQ_FACTORS = 8
"""Bytes a row beside its bits."""


@dataclass(frozen=True)
class AnnChoice:
    """How one descriptor is searched; recorded in the manifest.

    Attributes:
        kind: a FAISS factory string, of ``index_binary_factory`` for hashes.
        bytes: size of what FAISS searches; an estimate until it is written.
        nprobe: lists that a search looks into; 0 where there are no lists.
        candidates: rows a query that are compared again; 0 where FAISS's distances are exact, or
            good enough (:attr:`nearly_exact`).
        recall: the share of simulated copies, among those whose reference an exact search finds,
            whose reference is found; None for an exact kind, or where there were no copies.
    """

    kind: str
    bytes: int
    nprobe: int = 0
    candidates: int = 0
    recall: float | None = None

    @property
    def exact(self) -> bool:
        """Whether every row is scanned, as it is stored."""
        return not self.in_lists and not self.packed

    @property
    def nearly_exact(self) -> bool:
        """Whether rows are held in a byte a component: FAISS's distances are off by less than 0.01,
        and its nearest rows are the nearest, of rows within the range that it was trained on."""
        return "SQ8" in self.kind

    @property
    def in_lists(self) -> bool:
        """Whether a search looks at a part of the rows only."""
        return "IVF" in self.kind

    @property
    def packed(self) -> bool:
        """Whether codes are packed for fast scans, of which FAISS cannot pass over single rows."""
        return self.kind.endswith("fs")


def plan(
    specs: Sequence[DescriptorSpec], rows: int, memory: int | None = None
) -> dict[str, AnnChoice]:
    """The best choices that fit in memory together; a warning is logged if none do.

    Args:
        specs: the descriptors of an index.
        rows: how many rows each has.
        memory: bytes that a search of all of them may occupy; None for as much as is useful.

    Returns:
        Descriptor name to choice, not yet tuned.
    """
    ladders = {spec.name: _ladder(spec, rows) for spec in specs}
    while memory is not None and sum(ladder[0].bytes for ladder in ladders.values()) > memory:
        lowered = [name for name, ladder in ladders.items() if len(ladder) > 1]
        if not lowered:
            logger.warning(
                "the smallest FAISS files for %d rows take %.1f GB, more than --memory allows; "
                "they will be read from disk, slowly",
                rows,
                sum(ladder[0].bytes for ladder in ladders.values()) / 1e9,
            )
            break
        ladders[max(lowered, key=lambda name: ladders[name][0].bytes)].pop(0)
    return {name: ladder[0] for name, ladder in ladders.items()}


def _ladder(spec: DescriptorSpec, rows: int) -> list[AnnChoice]:
    """The choices for one descriptor, the best first and the smallest last."""
    if spec.metric == "hamming":
        size = rows * spec.width
        if size <= EXACT_HASH_BYTES:
            return [AnnChoice("BFlat", size)]
        count = lists(rows)
        return [AnnChoice(f"BIVF{count}", size + rows * POSITION_BYTES + count * spec.width)]
    size = rows * 2 * spec.width
    exact = [AnnChoice("SQfp16", size)] if size <= EXACT_BYTES else []
    smaller = [choice for choice in _compressed(spec.width, rows) if choice.bytes < size]
    return exact + smaller if rows >= FEWEST_FOR_LISTS else [AnnChoice("SQfp16", size)]


def _compressed(width: int, rows: int) -> list[AnnChoice]:
    kept = list(dict.fromkeys(min(width, components) for components in BIT_COMPONENTS))
    scanned = [components for components in kept if rows * components // 8 <= SCANNED_BYTES]
    if width > LONGEST and scanned:
        return [
            AnnChoice(f"PCAR{n},PQ{n // 4}x4fs", rows * n // 8 + 4 * n * width) for n in scanned
        ]
    count = lists(rows)
    centroids = 4 * width * count
    bytewise = AnnChoice(f"IVF{count},SQ8", rows * (width + POSITION_BYTES) + centroids)
    packed = AnnChoice(
        f"IVF{count},PQ{width // 2}x4fs", rows * (width // 4 + POSITION_BYTES) + centroids
    )
    fine = packed if width % 2 == 0 and packed.bytes <= HELD_BYTES else bytewise
    return [fine] * (width <= LONGEST) + [
        AnnChoice(
            f"PCAR{n},IVF{count},RaBitQ",
            rows * (math.ceil(n / 8) + RABITQ_FACTORS + POSITION_BYTES) + 4 * n * (count + width),
        )
        for n in kept
    ]


def lists(rows: int) -> int:
    """How many lists: about twice the root of the rows, a power of two.

    FAISS's guidelines (https://github.com/facebookresearch/faiss/wiki) say 4 to 16 times the root;
    for few lists looked into, half as many cost a search no more, and a build a quarter.
    """
    return int(min(MOST_LISTS, 2 ** round(math.log2(2 * math.sqrt(rows)))))
