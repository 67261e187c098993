"""Distances, thresholds and shares as text."""

from __future__ import annotations

import math
from collections.abc import Mapping

from memguard.signal_type import SignalType
from memguard.verdict import Region, Verdict


def percent(share: float) -> str:
    """A share in per cent, with three digits."""
    return "-" if math.isnan(share) else f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def distance_text(distance: float | None) -> str:
    """A distance with the digits that matter; "-" where nothing was measured."""
    if distance is None:
        return "-"
    return "none" if math.isinf(distance) else f"{distance:.4g}"


def threshold_text(limit: float | None, *, counts_bits: bool = False) -> str:
    """A threshold; of a signal that counts bits, the most bits within it."""
    if limit is None:
        return "never"
    return str(math.floor(limit)) if counts_bits and math.isfinite(limit) else distance_text(limit)


WHOLE = 0.97
"""Share of a picture from which on it is called the whole, and needs no outline."""


def is_part(region: Region) -> bool:
    """Whether it is less than the whole of one of the two pictures, so that outlines tell."""
    return min(region.share_of_reference, region.share_of_query) < WHOLE


def region_text(region: Region) -> str:
    """One sentence: how far what agrees reaches in the training image and in the image."""
    seen = "the whole training image"
    if region.share_of_reference < WHOLE:
        seen = f"{region.share_of_reference:.0%} of the training image"
    place = "all of this image"
    if region.share_of_query < WHOLE:
        place = f"{region.share_of_query:.0%} of this image"
    return f"What agrees spans {seen} and {place}; details within may differ"


SIGNAL_HEADINGS = (
    "signal",
    "closest",
    "reference shown",
    "flag at or below",
    "block at or below",
    "label",
)


def signal_rows(verdict: Verdict, signals: Mapping[str, SignalType]) -> list[tuple[str, ...]]:
    """Cells under SIGNAL_HEADINGS: the signals with thresholds, then those without.

    "closest" is the least distance to any reference, "reference shown" that to the first match.
    """
    shown = dict(verdict.matches[0].distances)
    rows = [
        (
            signal.name,
            distance_text(signal.distance),
            distance_text(shown.pop(signal.name, None)),
            threshold_text(signal.similar, counts_bits=signals[signal.name].counts_bits),
            threshold_text(signal.memorized, counts_bits=signals[signal.name].counts_bits),
            signal.label,
        )
        for signal in verdict.signals
    ]
    return rows + [(name, "", distance_text(shown[name]), "", "", "-") for name in shown]
