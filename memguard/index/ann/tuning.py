"""Tuning of search settings: the cheapest that reach the target recall."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann.planner import AnnChoice
from memguard.index.ann.recall import RECALL_AT, RecallProbe

logger = logging.getLogger(__name__)

MIN_RECALL = 0.99
"""Below this recall a build warns."""

TARGET_RECALL = 0.995
"""Recall aimed at in tuning, so that copies that were not tuned on reach :data:`MIN_RECALL`."""

CANDIDATES = (8, 16, 32, 64, 128, 256, 512)
"""Numbers of candidates that are tried."""

SPARE_CANDIDATES = 2
"""Factor by which more candidates are reranked than tuning needed: other copies need more."""

MAX_NPROBE = 512
"""Inverted lists probed at most."""

MICROSECONDS_A_VECTOR = 0.05
"""Cost of a vector in a probed inverted list (`benchmarks/index`)."""

MICROSECONDS_A_CANDIDATE = 1.5
"""Cost of reranking a candidate (`benchmarks/index`)."""

MICROSECONDS_TO_RERANK = 50.0
"""Cost of reranking at all (`benchmarks/index`)."""


class Proposing(Protocol):
    """What tuning needs of :class:`memguard.index.ann.searcher.Searcher`."""

    def __len__(self) -> int: ...

    def propose(
        self, queries: NDArray[Any], count: int, *, nprobe: int
    ) -> tuple[NDArray[Any], NDArray[np.int64]]: ...


def tune(
    spec: DescriptorSpec, choice: AnnChoice, searcher: Proposing, probe: RecallProbe, lists: int
) -> AnnChoice:
    """Choose the cheapest settings that reach the target recall, or else the highest.

    Every other copy is tuned on; the recall recorded is that of the rest.

    Args:
        spec: the descriptor.
        choice: the kind of index.
        searcher: the index, opened.
        probe: of :meth:`memguard.index.ann.recall.ExactSearch.found`; at least two copies.
        lists: inverted lists of the index; 0 for none.
    """
    unranked = (RECALL_AT,) if spec.metric == "hamming" or choice.nearly_exact else ()
    counts = unranked if spec.metric == "hamming" else (*unranked, *CANDIDATES)
    ranks = {
        nprobe: _ranks(searcher, probe, nprobe, SPARE_CANDIDATES * max(counts))
        for nprobe in ([2**i for i in range(lists.bit_length())] if lists else [0])
        if nprobe <= MAX_NPROBE
    }
    vectors_a_list = len(searcher) / max(lists, 1)

    def preference(setting: tuple[int, int]) -> tuple[float, float]:
        nprobe, count = setting
        recall = float((ranks[nprobe][::2] < count).mean())
        reranking = MICROSECONDS_TO_RERANK + count * MICROSECONDS_A_CANDIDATE
        probing = nprobe * vectors_a_list * MICROSECONDS_A_VECTOR
        return -min(recall, TARGET_RECALL), probing + (0 if count in unranked else reranking)

    settings = [(nprobe, count) for nprobe in ranks for count in counts]
    nprobe, count = min(settings, key=preference)
    kept = count if count in unranked else SPARE_CANDIDATES * count
    return dataclasses.replace(
        choice,
        nprobe=nprobe,
        candidates=0 if count in unranked else kept,
        recall=float((ranks[nprobe][1::2] < kept).mean()),
    )


def warn_of_low_recall(name: str, choice: AnnChoice) -> None:
    """Log a recall below :data:`MIN_RECALL`, and what raises it."""
    if choice.recall is None or choice.recall >= MIN_RECALL:
        return
    fine = choice.uses_inverted_lists and "RaBitQ" not in choice.kind
    logger.warning(
        "the search by %s (%s) finds %.1f %% of the simulated copies that an exact search finds, "
        "less than %.0f %%; %s",
        name,
        choice.kind,
        100 * choice.recall,
        100 * MIN_RECALL,
        f"raise its nprobe in the manifest, {choice.nprobe} now, for slower searches that find more"
        if fine
        else "build with a larger --memory, or split the training set, so that finer codes fit",
    )


def _ranks(searcher: Proposing, probe: RecallProbe, nprobe: int, count: int) -> NDArray[np.int64]:
    """The rank at which each copy's reference is proposed; ``count`` where it is not."""
    _, proposed = searcher.propose(probe.vectors, count, nprobe=nprobe)
    hits = proposed == probe.originals[:, None]
    return np.where(hits.any(axis=1), hits.argmax(axis=1), count)
