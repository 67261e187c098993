"""How many copies a search by FAISS loses, and how hard it must look to lose hardly any."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec, distances
from memguard.index.ann.files import Fetch
from memguard.index.ann.planner import AnnChoice

logger = logging.getLogger(__name__)

ENOUGH = 0.99
"""Of the copies that an exact search finds, the share below which a build warns."""

AIM = 0.995
"""The share aimed at in tuning, so that other copies than those tuned on reach `ENOUGH`."""

NEAREST = 5
"""An exact search finds a copy whose reference is among this many, as the detector asks for."""

TIE = 1e-5
"""Distances of floats that differ by less are one."""

CANDIDATES = (8, 16, 32, 64, 128, 256, 512)
SPARE = 2
"""So many times the candidates that the copies tuned on need: other copies need more."""

MOST_PROBED = 512

SCAN_COST, COMPARISON_COST, COMPARING_COST = 0.05, 1.5, 50.0
"""Microseconds to look at a row in a list, to compare a candidate again, and to compare any
(`benchmarks/index.py`)."""

STAND_INS = 400
NOISY_COSINE = 0.8
FLIPPED_BITS = 0.1
"""How far rows with noise, which stand in for copies, are from the rows they were made of."""


@dataclass(frozen=True)
class Copies:
    """Simulated copies of references, described as queries are.

    Attributes:
        rows: descriptor rows, shape (m, width).
        originals: the row positions of their references, int64 (m,).
    """

    rows: NDArray[Any]
    originals: NDArray[np.int64]


class Proposing(Protocol):
    """What tuning needs of :class:`memguard.index.ann.searcher.Searcher`."""

    def __len__(self) -> int: ...

    def propose(
        self, queries: NDArray[Any], count: int, *, nprobe: int
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...


class ExactRanks:
    """How many rows are as near to each copy as its reference is, counted block by block."""

    def __init__(
        self,
        spec: DescriptorSpec,
        copies: Copies,
        fetch: Fetch,
    ) -> None:
        positions, where = np.unique(copies.originals, return_inverse=True)
        references = fetch(positions)[where]
        self._spec, self._copies = spec, copies
        pairs = zip(copies.rows, references, strict=True)
        nearest = [float(distances(spec, row, reference[None])[0]) for row, reference in pairs]
        self._reach = np.array(nearest) + (0 if spec.metric == "hamming" else TIE)
        self._count = np.zeros(len(copies.rows), dtype=np.int64)

    def add(self, block: NDArray[Any]) -> None:
        """Look at the next rows, shape (n, width)."""
        if self._spec.metric == "cosine":
            far = 1 - block @ self._copies.rows.T
            self._count += (far <= self._reach).sum(axis=0)
            return
        for i, row in enumerate(self._copies.rows):
            self._count[i] += int((distances(self._spec, row, block) <= self._reach[i]).sum())

    def found(self) -> Copies:
        """The copies whose reference is sure to be among an exact search's nearest."""
        kept = self._count <= NEAREST
        return Copies(self._copies.rows[kept], self._copies.originals[kept])


def noisy(spec: DescriptorSpec, rows: int, fetch: Fetch) -> Copies:
    """Rows with noise, where nothing is known of the images and so no copy can be described."""
    random = np.random.default_rng(0)
    originals = np.sort(random.choice(rows, min(rows, STAND_INS), replace=False))
    clean = fetch(originals)
    if spec.metric == "hamming":
        flips = random.random((len(clean), spec.dimension)) < FLIPPED_BITS
        return Copies(clean ^ np.packbits(flips, axis=1), originals)
    noise = random.normal(size=clean.shape).astype(np.float32)
    lengths = np.linalg.norm(clean, axis=1, keepdims=True)
    noise *= lengths / np.linalg.norm(noise, axis=1, keepdims=True)
    mixed = NOISY_COSINE * clean + np.sqrt(1 - NOISY_COSINE**2) * noise
    return Copies(mixed.astype(np.float32), originals)


def tuned(
    spec: DescriptorSpec, choice: AnnChoice, searcher: Proposing, copies: Copies, lists: int
) -> AnnChoice:
    """The choice with the cheapest settings that lose hardly any of these copies.

    Every other copy is tuned on; the recall recorded is that of the rest.

    Args:
        spec: the descriptor.
        choice: what was written.
        searcher: the file, opened.
        copies: of :meth:`ExactRanks.found`; at least two.
        lists: how many lists the file has; 0 if none.
    """
    as_found = (NEAREST,) if spec.metric == "hamming" or choice.nearly_exact else ()
    counts = as_found if spec.metric == "hamming" else (*as_found, *CANDIDATES)
    ranks = {
        nprobe: _ranks(searcher, copies, nprobe, SPARE * max(counts))
        for nprobe in ([2**i for i in range(lists.bit_length())] if lists else [0])
        if nprobe <= MOST_PROBED
    }
    per_list = len(searcher) / max(lists, 1)

    def preference(setting: tuple[int, int]) -> tuple[float, float]:
        nprobe, count = setting
        recall = float((ranks[nprobe][::2] < count).mean())
        comparing = 0 if count in as_found else COMPARING_COST + count * COMPARISON_COST
        return -min(recall, AIM), nprobe * per_list * SCAN_COST + comparing

    settings = [(nprobe, count) for nprobe in ranks for count in counts]
    nprobe, count = min(settings, key=preference)
    kept = count if count in as_found else SPARE * count
    recall = float((ranks[nprobe][1::2] < kept).mean())
    return dataclasses.replace(
        choice,
        nprobe=nprobe,
        candidates=0 if count in as_found else kept,
        recall=recall,
    )


def warn_of_losses(name: str, choice: AnnChoice) -> None:
    """Log what a choice loses, and the setting that mends it, where it loses too much."""
    if choice.recall is None or choice.recall >= ENOUGH:
        return
    fine = choice.in_lists and "RaBitQ" not in choice.kind
    logger.warning(
        "the search by %s (%s) finds %.1f %% of the simulated copies that an exact search finds, "
        "less than %.0f %%; %s",
        name,
        choice.kind,
        100 * choice.recall,
        100 * ENOUGH,
        f"raise its nprobe in the manifest, {choice.nprobe} now, for slower searches that find more"
        if fine
        else "build with a larger --memory, or split the training set, so that finer codes fit",
    )


def _ranks(searcher: Proposing, copies: Copies, nprobe: int, count: int) -> NDArray[np.int64]:
    """At what rank each copy's reference is proposed; ``count`` where it is not."""
    _, proposed = searcher.propose(copies.rows, count, nprobe=nprobe)
    hits = proposed == copies.originals[:, None]
    return np.where(hits.any(axis=1), hits.argmax(axis=1), count)
