"""Signals in words: what each measures, its distances and thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping

from memguard.verdict import Verdict

WORDS: Mapping[str, str] = {
    "structure": "layout and colours, down to 1/32 of the picture, and inside outlines: "
    "1 - correlation",
    "aligned_structure": "details where matching points lay one picture over the other: "
    "1 - correlation",
    "local_features": "points that agree on one placement, counted below zero: -20 is 20 points",
    "phash64": "bits of a 64 bit perceptual hash that differ",
    "phash256": "bits of a 256 bit perceptual hash that differ",
    "pixels": "16 x 16 thumbnail: 1 - cosine",
    "vlad": "summary of all local features: 1 - cosine",
    "sscd": "SSCD copy-detection embedding: 1 - cosine",
    "sscd_normalised": "SSCD embedding, less the usual distance of the image to references",
    "clip": "CLIP embedding, what the picture is about: 1 - cosine",
    "clip_normalised": "CLIP embedding, less the usual distance of the image to references",
    "l2": "root mean square difference of the pixels",
    "structure_and_l2": "layout and pixels together: structure and half the relative l2, added "
    "as the sides of a right angle",
    "relative_l2": "l2, over half the usual one to references near the image",
    "tiled_l2": "root mean square difference of the most different of 16 tiles",
    "masked_tiled_l2": "the same, of the most different of the 12 closest tiles",
}
"""Signal name to what it measures."""

HASHES = ("phash64", "phash256")
"""Signals that count bits."""


def percent(share: float) -> str:
    """A share in per cent, with three digits."""
    return "-" if math.isnan(share) else f"{100 * share:.3g}\N{NO-BREAK SPACE}%"


def distance_text(name: str, distance: float) -> str:
    """A distance with the digits that matter."""
    if math.isinf(distance):
        return "none"
    return f"{distance:.0f}" if name in HASHES else f"{distance:.4g}"


def threshold_text(name: str, limit: float | None) -> str:
    """A threshold; for hashes the most bits that are within it."""
    if limit is None:
        return "never"
    if name in HASHES and math.isfinite(limit):
        return str(math.floor(limit))
    return distance_text(name, limit)


SIGNAL_HEADINGS = (
    "signal",
    "closest",
    "reference shown",
    "flag at or below",
    "block at or below",
    "label",
)


def signal_rows(verdict: Verdict) -> list[tuple[str, ...]]:
    """Cells under SIGNAL_HEADINGS: the signals with thresholds, then those without.

    "closest" is the least distance to any reference, "reference shown" that to the first match.
    """
    shown = dict(verdict.matches[0].distances)
    rows = [
        (
            signal.name,
            distance_text(signal.name, signal.distance),
            distance_text(signal.name, shown.pop(signal.name)),
            threshold_text(signal.name, signal.similar),
            threshold_text(signal.name, signal.memorized),
            signal.label,
        )
        for signal in verdict.signals
    ]
    return rows + [(name, "", distance_text(name, shown[name]), "", "", "-") for name in shown]
