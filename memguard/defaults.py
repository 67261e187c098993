"""The defaults that the library and the command line share; imports nothing of memguard."""

from __future__ import annotations

from collections.abc import Mapping

CLIP_MODEL = "ViT-B-32"
CLIP_WEIGHTS = "laion2b_s34b_b79k"
"""The default embedding: OpenCLIP's small model trained on LAION-2B (Schuhmann et al. 2022)."""

PULLED = "pulled"
"""The name of the SSCD weights that memguard downloads."""

DEFAULT_WEIGHTS: Mapping[str, str] = {"clip": f"{CLIP_MODEL}:{CLIP_WEIGHTS}"}
"""The learned descriptors of a new index."""

DEMO_SAMPLES = 64
"""Images that the demo generates."""

SIMILAR_RATE = 1e-2
MEMORIZED_RATE = 1e-3
"""Target rates of flagged and of blocked novel images."""

NEEDED_PER_RATE = 3
"""Negatives needed per unit of 1 / rate: none flagged among 3 / rate proves the rate, at 95 %
(the rule of three, Hanley and Lippman-Hand 1983)."""

AUDIT_IMAGES = 50
AUDIT_BATCH = 8
"""Images an audit makes of each prompt (500 in Carlini et al. 2023), and in one call."""

AUDIT_PAGE = "audit.html"
"""The page that shows an audit, in its folder."""

AUDIT_CAPTIONS = 100
"""Captions of an index that an audit takes as prompts where none are given."""
