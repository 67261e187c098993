"""Thresholds from the literature: what decides until an index has been calibrated.

They were measured on other data than yours. Distances as in :class:`memguard.verdict.Signal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CARLINI_L2 = 0.15
"""Stable Diffusion copies: l2 <= 0.15 over pixels in [0, 1] (Carlini et al. 2023, section 4.2)."""

PDQ_HAMMING = 31
"""Bits of 256 at which two PDQ hashes are called the same picture ("confident match" of
ThreatExchange, facebook/ThreatExchange, pdq/README: distance <= 31)."""

SSCD_PRECISE = 0.25
"""1 - cosine of SSCD: similarity 0.75 is 90 % precise on DISC2021 (Pizzi et al. 2022)."""

SSCD_REPLICATION = 0.5
"""1 - cosine of SSCD: similarity 0.5 marks replication in diffusion outputs (Somepalli et al.
2023, "Diffusion Art or Digital Forgery?")."""


@dataclass(frozen=True)
class Threshold:
    """``distance <= similar`` flags, ``distance <= memorized`` blocks (None: never blocks)."""

    similar: float
    memorized: float | None


LITERATURE: Mapping[str, Threshold] = {
    "tiled_l2": Threshold(similar=2 * CARLINI_L2, memorized=CARLINI_L2),
    "phash64": Threshold(similar=10, memorized=4),
    "phash256": Threshold(similar=2 * PDQ_HAMMING, memorized=PDQ_HAMMING),
    "sscd": Threshold(similar=SSCD_REPLICATION, memorized=SSCD_PRECISE),
    "clip": Threshold(similar=0.05, memorized=None),
}
"""``phash64``: 10 bits of 64 is the customary limit of image search with pHash
(J. Buchner's ImageHash, and H. Zauner 2010 with 0.15 of the bits), 4 leaves room for
recompression only. ``clip``: near-duplicates of LAION lie above cosine 0.95 (Webster et al.
2023, "On the De-duplication of LAION-2B"); it flags and does not block. ``pixels`` finds candidates
and decides nothing: verification measures the same thing at full thumbnail size."""
