"""The decision: the smallest distance in each signal against its thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from memguard.detection.signals import ALIKE_STRUCTURE
from memguard.signal_type import Threshold
from memguard.verdict import COMMON, Label, Match, Signal, Verdict

SHOWN_MATCHES = 5
"""Matches in a verdict."""

SEVERITY: tuple[Label, ...] = ("clear", "similar", "memorized")
Rank = tuple[int, float, float]
"""See :func:`rank`."""
NOTHING_NEAR = "no reference came near the image"
THRESHOLD_NAMES: Mapping[Label, str] = {"similar": "flag", "memorized": "block"}


def decide(
    matches: Sequence[Match],
    thresholds: Mapping[str, Threshold],
    rates: Mapping[Label, float],
) -> Verdict:
    """The verdict on a query.

    Args:
        matches: its candidates by :func:`rank`, the strongest first.
        thresholds: signal name to thresholds.
        rates: label to the false-positive rate that its thresholds were chosen for.
    """
    exempt = [one for one in matches if not one.counts and rank(one, thresholds)[0]]
    matches = [one for one in matches if one.counts]
    shown = [replace(one, thumbnail=None) for one in exempt[:SHOWN_MATCHES]]
    strongest: dict[str, Signal] = {}
    for signal in (one for match in matches for one in _signals(match, thresholds)):
        known = strongest.setdefault(signal.name, signal)
        if _strength(signal) > _strength(known):
            strongest[signal.name] = signal
    signals = tuple(strongest[name] for name in thresholds if name in strongest)
    if not signals:
        reason = "no other reference came near the image" if exempt else NOTHING_NEAR
        return Verdict("clear", 0.0, matches=tuple(shown), why=reason + _but(exempt, thresholds))
    label = max((signal.label for signal in signals), key=SEVERITY.index)
    pictured = 0 if label == "clear" else 1
    return Verdict(
        label=label,
        score=max(signal.evidence for signal in signals),
        signals=signals,
        matches=(
            *matches[:pictured],
            *(replace(match, thumbnail=None) for match in matches[pictured:SHOWN_MATCHES]),
            *shown,
        ),
        why=_why(max(matches, key=lambda match: rank(match, thresholds)), thresholds, rates)
        + _but(exempt, thresholds),
    )


def gravest(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict with the gravest label, and the highest score of these."""
    return max(verdicts, key=lambda one: (SEVERITY.index(one.label), one.score))


def rank(match: Match, thresholds: Mapping[str, Threshold]) -> Rank:
    """The gravest label that a reference gives, the evidence of all signals together, and, where
    there is none, how near it is in the nearest.

    That of an allowed or quarantined reference is what it would be if it counted.
    """
    signals = _signals(match, thresholds)
    label = max((SEVERITY.index(signal.label) for signal in signals), default=0)
    nearness = max((-signal.distance for signal in signals), default=-math.inf)
    return label, sum(signal.evidence for signal in signals), nearness


def _signals(match: Match, thresholds: Mapping[str, Threshold]) -> list[Signal]:
    """The signals of one reference alone.

    None blocks for a part that many references share, nor for a part of a suspended reference.
    """
    blocks = match.shared_by < COMMON and (
        match.exempt != "suspended" or match.distances.get("structure", math.inf) <= ALIKE_STRUCTURE
    )
    return [
        Signal(name, match.distances[name], limit.similar, limit.memorized if blocks else None)
        for name, limit in thresholds.items()
        if name in match.distances
    ]


def _strength(signal: Signal) -> tuple[float, float]:
    return signal.evidence, -signal.distance


def _why(match: Match, thresholds: Mapping[str, Threshold], rates: Mapping[Label, float]) -> str:
    signal = max(_signals(match, thresholds), key=lambda signal: signal.evidence)
    kind: Label = "memorized" if signal.label == "memorized" else "similar"
    limit = signal.memorized if kind == "memorized" else signal.similar
    side = "beyond" if signal.label == "clear" else "within"
    view = "" if match.view == "as is" else f" ({match.view})"
    rate = f" (FPR {rates[kind]:g})" if kind in rates else ""
    reason = (
        f"{signal.name} distance {signal.distance:.3g} to reference {match.uri}{view} is "
        f"{side} the {THRESHOLD_NAMES[kind]} threshold {limit:.3g}{rate}"
    )
    if match.shared_by >= COMMON:
        reason += f", and does not block: {COMMON} or more other references share this small part"
    elif match.exempt == "suspended":
        reason += ", and is suspended: it also matched images that are unlike each other"
    return reason


def _but(exempt: Sequence[Match], thresholds: Mapping[str, Threshold]) -> str:
    """What the first exempt reference would do, and how many more there are."""
    if not exempt:
        return ""
    first = exempt[0]
    would = "block" if SEVERITY[rank(first, thresholds)[0]] == "memorized" else "flag"
    others = f", as would {len(exempt) - 1} more exempt ones" if len(exempt) > 1 else ""
    return f"; reference {first.uri} would {would} it, but is {first.exempt}{others}"
