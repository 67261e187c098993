"""Whether an image may be near a reference, at a tenth of the cost of a check.

Only hashes and small squares of the image and its mirror image are searched: no features, no
learned descriptors, no pixels of references. It finds copies that keep their framing, and no crops.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from memguard.descriptors.base import describe
from memguard.detection.detector import Detector
from memguard.detection.readings import readings
from memguard.vision.local_features import NO_FEATURES
from memguard.vision.picture import Picture

NEAR: Mapping[str, float] = {"phash256": 80.0, "pixels": 0.35}
"""Descriptor to the distance up to which an image may be near. Of what real models made
(benchmarks/real, 318 references), the furthest copy is at 84 and 0.22, the nearest of 80 novel
images at 86 and 0.51."""


def may_be_near(detector: Detector, images: Sequence[Image.Image]) -> list[bool]:
    """Whether each image may be near a reference; True where the index has none of :data:`NEAR`."""
    used = [one for one in detector.descriptors if one.spec.name in NEAR]
    if not used or not images:
        return [True] * len(images)
    pictures, owners = [], []
    for position, image in enumerate(images):
        for rgb in [one.picture.image for one in readings(image)]:
            mirrored = rgb.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            pictures += [Picture(rgb, NO_FEATURES), Picture(mirrored, NO_FEATURES)]
            owners += [position, position]
    near = np.zeros(len(images), bool)
    if not pictures:
        return near.tolist()
    for descriptor in used:
        vectors = describe(descriptor, [descriptor.prepare(picture) for picture in pictures])
        name = descriptor.spec.name
        shown = np.flatnonzero(vectors.any(axis=1))
        if len(shown):
            distances, _ = detector.index.search(name, vectors[shown], 1)
            within = (distances <= NEAR[name]).any(axis=1)
            near[[owners[at] for at in shown[within]]] = True
    return near.tolist()
