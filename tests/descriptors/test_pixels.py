"""The pixel descriptor against Pillow's own box filter."""

from __future__ import annotations

import numpy as np
from PIL import Image

from memguard.descriptors.base import distances
from memguard.descriptors.pixels import SIDE, Pixels


def test_rows_are_the_shrunken_image(photographs: dict[str, Image.Image]) -> None:
    descriptor = Pixels()
    for image in photographs.values():
        row = descriptor.describe([descriptor.prepare(image)])[0]
        small = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX)) / 255
        np.testing.assert_allclose(row.reshape(SIDE, SIDE, 3), small, atol=1e-6)
        assert row.shape == (descriptor.spec.width,)


def test_distance_bounds_the_l2_of_the_full_images_from_below(cat: Image.Image) -> None:
    size = (16 * SIDE, 16 * SIDE)
    left, right = cat.resize(size), cat.transpose(Image.Transpose.ROTATE_180).resize(size)
    descriptor = Pixels()
    rows = descriptor.describe([descriptor.prepare(left), descriptor.prepare(right)])
    full = np.sqrt(np.mean((np.asarray(left) / 255 - np.asarray(right) / 255) ** 2))
    (distance,) = distances(descriptor.spec, rows[0], rows[1:])
    assert 0.1 < distance < full
