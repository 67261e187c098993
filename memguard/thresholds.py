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
    "structure": Threshold(similar=0.31, memorized=0.27),
    "fine_structure": Threshold(similar=0.42, memorized=0.36),
    "aligned_structure": Threshold(similar=0.55, memorized=0.45),
    "local_features": Threshold(similar=-3, memorized=-5),
    "phash256": Threshold(similar=78, memorized=71),
    "sscd_normalised": Threshold(similar=-0.28, memorized=-0.36),
    "clip": Threshold(similar=0.05, memorized=None),
}
"""Where an index has too few negatives of its own to calibrate. The block thresholds flag at most
one of 2,688 versions of the novel photographs and drawings of ``benchmarks/detection.py``
(147 pictures, so the rate is known no better than 3/147 by picture). ``clip``: near-duplicates
of LAION lie above cosine 0.95 (Webster et al. 2023, "On the De-duplication of LAION-2B"); CLIP is
semantic, so alone it flags and does not block."""
