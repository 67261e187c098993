"""What distance flags and what distance blocks, in each signal.

A signal without a threshold is measured and shown, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Threshold:
    """``distance <= similar`` flags, ``distance <= memorized`` blocks (None: never blocks)."""

    similar: float
    memorized: float | None


DEFAULTS: Mapping[str, Threshold] = {
    "structure": Threshold(similar=0.30, memorized=0.26),
    "aligned_structure": Threshold(similar=0.62, memorized=0.55),
    "structure_and_l2": Threshold(similar=0.64, memorized=0.56),
    "sscd_normalised": Threshold(similar=-0.28, memorized=-0.36),
    "clip": Threshold(similar=0.05, memorized=None),
}
"""Where an index has too few negatives of its own to calibrate: near the 0.1 % (block) and 1 %
(flag) quantiles of the nearest novel photographs and drawings of ``benchmarks/pictures.py``, clean
and transformed. A few hundred pictures prove no such rate; what the thresholds are worth on your
index stands in its calibration. ``clip``: near-duplicates of LAION lie above cosine 0.95 (Webster
et al. 2023, "On the De-duplication of LAION-2B"); CLIP is semantic, so alone it flags."""

LEAST: Mapping[str, float] = {"sscd_normalised": -1, "clip_normalised": -1}
"""The distance of an image to itself, where it is not 0: less that of strangers, which is 1."""
