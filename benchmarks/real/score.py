"""Recall on copies and templates, averaged over references, and novel images blocked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.real.cases import Case, Kind
from memguard.calibration.rates import Rate

ALLOWED_SHARES = (0.0, 0.01)
"""Novel images that a single signal's threshold may block, as a share of all."""

SINGLE_SIGNALS = (
    "phash64",
    "phash256",
    "pdq",
    "l2",
    "tiled_l2",
    "masked_tiled_l2",
    "structure",
    "aligned_structure",
    "structure_and_l2",
    "local_features",
    "shared_region",
    "copy_evidence",
    "clip",
    "sscd",
    "sscd_normalised",
)


@dataclass(frozen=True)
class Score:
    """What one rule is worth.

    Attributes:
        rule: its name.
        recall: kind of case to the mean over references of the share blocked.
        novel: novel images blocked.
        missed, false: names of the cases that it decides wrongly.
        threshold: of a single signal.
    """

    rule: str
    recall: dict[str, float]
    novel: Rate
    missed: list[str]
    false: list[str]
    threshold: float | None = None


def score(
    rule: str, cases: Sequence[Case], blocked: Mapping[str, bool], threshold: float | None = None
) -> Score:
    """Score a rule on all cases.

    Args:
        rule: its name.
        cases: of all kinds.
        blocked: case to whether the rule blocks it.
        threshold: of a single signal.
    """
    novel = [case.name for case in cases if case.kind == "novel"]
    return Score(
        rule,
        {kind: _recall(cases, blocked, kind) for kind in ("copies", "template")},
        Rate.of(sum(blocked[name] for name in novel), len(novel)),
        [case.name for case in cases if case.kind != "novel" and not blocked[case.name]],
        [name for name in novel if blocked[name]],
        threshold,
    )


def single_signal(
    signal: str, share: float, cases: Sequence[Case], distances: Mapping[str, Mapping[str, float]]
) -> Score:
    """A signal alone, its threshold as loose as the allowed share of novel images permits.

    Args:
        signal: its name.
        share: of the novel images that may be blocked.
        cases: of all kinds.
        distances: case to signal to distance.
    """
    measured = {case.name: distances[case.name].get(signal, np.inf) for case in cases}
    novel = sorted(measured[case.name] for case in cases if case.kind == "novel")
    allowed = int(share * len(novel))
    limit = float(novel[allowed])
    blocked = {name: distance < limit for name, distance in measured.items()}
    return score(f"{signal} alone, at most {allowed} false", cases, blocked, limit)


def _recall(cases: Sequence[Case], blocked: Mapping[str, bool], kind: Kind) -> float:
    by_reference: dict[str, list[bool]] = defaultdict(list)
    for case in cases:
        if case.kind == kind:
            by_reference[case.reference].append(blocked[case.name])
    return float(np.mean([np.mean(hits) for hits in by_reference.values()]))
