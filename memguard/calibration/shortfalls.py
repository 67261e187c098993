"""Shortfalls: what a calibration finds less of than it should, with the cause and the way on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from memguard.calibration.measurements import Measurements
from memguard.calibration.result import OperatingPoint
from memguard.signal_type import SignalType

LEAST_RECALL = 0.5
"""Share of a kind of simulated copies that a calibration should block."""

MOST_TIGHTENING = 1.25
"""Factor by which a threshold may be tighter than the default one. Chosen by hand."""

SHOWN_PAIRS = 3
"""Pairs named as the cause."""

OTHER_NEGATIVES = (
    "to mend it, calibrate on images that the model made (`memguard calibrate INDEX --pipeline "
    "PIPE --prompts FILE`) or on held-out pictures (`--negatives FOLDER`)"
)
BETTER_NEGATIVES = (
    "to mend it, look at these pairs; take copies out of the negatives, and calibrate again"
)
MORE_SIGNALS = "thorough checks find more of them, and so does an index with SSCD (`--sscd`)"


def shortfalls(
    measured: Measurements,
    memorized: OperatingPoint,
    blocking: Mapping[str, float],
    signals: Sequence[SignalType],
) -> tuple[str, ...]:
    """Plain sentences, none where nothing falls short.

    Args:
        measured: what the thresholds were chosen from.
        memorized: the operating point that blocks.
        blocking: signal name to its block threshold.
        signals: those that may block.
    """
    found = []
    missed = sorted(kind for kind, share in memorized.recall.items() if share < LEAST_RECALL)
    if missed:
        shares = ", ".join(f"{kind} {memorized.recall[kind]:.0%}" for kind in missed)
        found.append(
            f"of these kinds of simulated copies, fewer than {LEAST_RECALL:.0%} are blocked: "
            f"{shares}"
        )
        found.append(MORE_SIGNALS)
    tightened = []
    for signal in signals:
        default = None if signal.default is None else signal.default.memorized
        limit = blocking.get(signal.name)
        if default is not None and limit is not None and _tighter(limit, default):
            tightened.append(
                f"the signal {signal.name} blocks from {limit:.3g} on instead of {default:.3g}, "
                f"because {_cause(measured, signal.name)}"
            )
    if tightened:
        by_itself = measured.method == "leave-one-out"
        tightened.append(OTHER_NEGATIVES if by_itself else BETTER_NEGATIVES)
    return (*found, *tightened)


def _tighter(limit: float, default: float) -> bool:
    """Whether a threshold is tighter by more than the factor; distances may be below 0."""
    if default < 0:
        return limit < default * MOST_TIGHTENING
    return limit < default / MOST_TIGHTENING


def _cause(measured: Measurements, signal: str) -> str:
    pairs = "; ".join(
        f"{pair.image} is near {pair.reference}" for pair in measured.nearest[:SHOWN_PAIRS]
    )
    if measured.method == "leave-one-out":
        median = float(np.median(measured.negatives[signal]))
        return f"half of the references come within {median:.3g} of another one ({pairs})"
    return f"negatives come near to references ({pairs}); look whether they are copies"
