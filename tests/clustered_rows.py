"""Descriptor rows in clusters, as those of images are, and simulated copies of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from memguard.descriptors.base import DescriptorSpec
from memguard.index.ann_recall import Copies

CLUSTER = 20
"""Rows in a cluster."""


def clustered(spec: DescriptorSpec, count: int, seed: int) -> NDArray[Any]:
    """Rows as they are stored, hashes with a fifth of a cluster's bits flipped, or unit vectors
    at cosines of about 0.6 within a cluster."""
    random = np.random.default_rng(seed)
    if spec.metric == "hamming":
        centres = random.integers(0, 256, (count // CLUSTER, spec.width), dtype=np.uint8)
        flips = np.packbits(random.random((count, spec.dimension)) < 0.2, axis=1)
        return centres[np.arange(count) % len(centres)] ^ flips
    centres = random.normal(size=(count // CLUSTER, spec.width))
    rows = 1.2 * centres[np.arange(count) % len(centres)]
    rows = rows + random.normal(size=(count, spec.width))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows.astype(np.float16).astype(np.float32)


def copies_of(spec: DescriptorSpec, rows: NDArray[Any], seed: int = 3, count: int = 300) -> Copies:
    """Copies at a cosine of 0.9, or with 6 % of the bits flipped."""
    random = np.random.default_rng(seed)
    originals = random.choice(len(rows), count, replace=False)
    clean = rows[originals]
    if spec.metric == "hamming":
        flips = np.packbits(random.random((count, spec.dimension)) < 0.06, axis=1)
        return Copies(clean ^ flips, originals)
    noise = random.normal(size=clean.shape)
    noise *= np.sqrt(1 / 0.9**2 - 1) / np.linalg.norm(noise, axis=1, keepdims=True)
    copies = clean + noise
    copies /= np.linalg.norm(copies, axis=1, keepdims=True)
    return Copies(copies.astype(np.float32), originals)
