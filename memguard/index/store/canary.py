"""Canaries: planted references that every search must find, or the index is not opened.

They are generated pictures with fixed ids, the first records of an index. No search returns them,
and no count includes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from memguard.descriptors.base import Descriptor
from memguard.index.record import Record
from memguard.index.store.thumbnails import encode_reference
from memguard.vision.picture import Picture
from memguard.vision.transforms import dead_leaves

CANARIES = 3
EDGE_PX = 64
"""Edge of a canary in pixels."""

LEAVES = 40


def uri(number: int) -> str:
    """The uri of a canary's record."""
    return f"memguard:canary/{number}"


def canary_ids() -> list[str]:
    """Ids of the canaries, the same in every index."""
    return [hashlib.sha256(uri(number).encode()).hexdigest()[:32] for number in range(CANARIES)]


def canary_image(number: int) -> Image.Image:
    """A random picture, the same for every number."""
    return dead_leaves((EDGE_PX, EDGE_PX), np.random.default_rng(number), leaves=LEAVES)


def canary_records(descriptors: Sequence[Descriptor]) -> list[Record]:
    """The canaries' records, with their vectors."""
    pictures = [Picture(canary_image(number)) for number in range(CANARIES)]
    matrices = {
        descriptor.spec.name: descriptor.describe([descriptor.prepare(one) for one in pictures])
        for descriptor in descriptors
    }
    return [
        Record(
            id=known,
            uri=uri(number),
            width=EDGE_PX,
            height=EDGE_PX,
            canary=True,
            thumbnail=encode_reference(picture.image),
            features=picture.features.to_bytes(),
            vectors={name: matrix[number] for name, matrix in matrices.items()},
        )
        for number, (known, picture) in enumerate(zip(canary_ids(), pictures, strict=True))
    ]
