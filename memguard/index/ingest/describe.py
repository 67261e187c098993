"""Images that were read become records: their vectors are computed, a batch at a time."""

from __future__ import annotations

from collections.abc import Sequence

from memguard.descriptors import base
from memguard.descriptors.base import Descriptor
from memguard.index.ingest.reader import Readable
from memguard.index.record import Record


def describe(descriptors: Sequence[Descriptor], images: Sequence[Readable]) -> list[Record]:
    """The records of images, in order.

    Vectors that images come with stay: those of a source without pixels, or of another machine.

    Raises:
        WeightsError: a descriptor gives vectors that are not finite.
    """
    pictured = [image for image in images if image.item.has_pixels and not image.vectors]
    matrices = {
        descriptor.spec.name: base.describe(
            descriptor, [image.prepared[descriptor.spec.name] for image in pictured]
        )
        for descriptor in descriptors
        if pictured
    }
    vectors = {
        image.id: {name: matrix[i] for name, matrix in matrices.items()}
        for i, image in enumerate(pictured)
    }
    return [
        Record(
            id=image.id,
            uri=image.item.uri,
            width=image.width,
            height=image.height,
            caption=image.item.caption,
            rights=image.rights,
            url=image.item.url,
            blank=image.blank,
            thumbnail=image.thumbnail or None,
            features=image.features or None,
            vectors=vectors.get(image.id) or image.vectors or dict(image.item.vectors or {}),
        )
        for image in images
    ]
